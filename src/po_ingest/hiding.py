"""What is secret in connection strings and URLs, and how it is kept out of every text (R16).

Secrets are registered as soon as they are known, when the configuration is read; from then on every error, finding and
log record is without them, whoever made it.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Iterator
from typing import Final
from urllib.parse import quote, quote_plus, unquote, unquote_plus

MASK: Final = "***"
PUBLIC: Final = frozenset(
    {
        *("driver", "dsn", "filedsn", "server", "servername", "host", "hostname", "hostaddr", "address", "addr"),
        *("port", "network", "network address", "protocol", "database", "db", "dbname", "dbq", "initial catalog"),
        *("schema", "uid", "user", "username", "user id", "app", "application name", "application_name", "wsid"),
        *("language", "encrypt", "trustservercertificate", "trust server certificate", "hostnameincertificate"),
        *("authentication", "trusted_connection", "applicationintent", "multisubnetfailover", "failover_partner"),
        *("sslmode", "charset", "clientcharset", "client_encoding", "description", "target_session_attrs"),
        *("connect_timeout", "login_timeout", "query_timeout", "lock_timeout", "tcp_user_timeout", "gssencmode"),
        *("channel_binding", "sslnegotiation", "tds_version"),
    }
)
"""Keywords whose values may be told. The values of all others are kept secret: no list of secret ones is complete."""
SECRET: Final = re.compile(r"pwd|pass|secret|token|key", re.IGNORECASE)
SHORTEST: Final = 4
"""Values of other keywords that are shorter ('yes', '1') are no secrets, and would cut words out of messages.

The same holds for what is registered: a password of three letters would cut them out of every word. It is hidden where
its keyword stands before it, and in what a driver says.
"""
SHORTEST_TOKEN: Final = 8
"""Parts of a URL's path that are as long and no plain word, as in https://host/hooks/T0ken-4711."""
SHORTEST_CODE: Final = 6
"""Characters of Base64 that are told apart from a word."""
PART: Final = re.compile(r"\s*([^=;{}]*)=\s*(\{(?:[^}]|\}\})*\}|[^;]*)\s*(?:;|$)|([^;]*)(?:;|$)", re.DOTALL)
ASSIGNED: Final = re.compile(
    r"(?<![A-Za-z0-9])((?:\w+[ _-]?)?(?:pwd|passw(?:or)?d|secret|token)\s*=\s*)"
    r"(\{(?:[^}]|\}\})*\}?|\"[^\"]*\"?|'[^']*'?|[^;,&\s\"')]+)",
    re.IGNORECASE,
)
"""A secret that stands behind its keyword, in a text of whatever kind."""
LOGIN: Final = re.compile(r"(?<=:/)(/?[^\s/?#:@]*):(\S*)@")
"""User and password in a URL within a text; as a path, it has one slash left."""
URL: Final = re.compile(r"(?P<scheme>[A-Za-z][\w+.-]*)://(?:[^:/@]*:(?P<password>[^@]*)@)?(?P<rest>.*)", re.DOTALL)
"""A URL as SQLAlchemy reads it."""


# -- what is secret


def parts(connection: str) -> list[tuple[str, str]]:
    """Return the keywords, in lower case, and their values as written; a part that has no keyword has an empty one."""
    found = []
    for match in PART.finditer(connection):
        keyword, value, bare_part = match.groups()
        if bare_part is None:
            found.append((keyword.strip().lower(), value.strip()))
        elif bare_part.strip():
            found.append(("", bare_part.strip()))
    return found


def bare(text: str) -> str:
    """Return a value without the braces that protect it."""
    return text[1:-1].replace("}}", "}") if text.startswith("{") and text.endswith("}") else text


def passwords(text: str) -> set[str]:
    """Return what is a password by its keyword or its place, in a connection string or URL."""
    found = {value for match in ASSIGNED.finditer(text) for value in _spellings(match[2])}
    url = URL.match(text.strip())
    if url is None:
        found |= {value for keyword, raw in parts(text) if SECRET.search(keyword) for value in _spellings(raw)}
    else:
        found |= {value for raw in _logins(text) for value in _spellings(raw)}
        for name, value in _query(url["rest"]):
            if name == "odbc_connect":
                found |= passwords(value)
            elif SECRET.search(name):
                found |= _spellings(value)
            else:  # a driver's name with more than a name in it
                found |= {each for match in ASSIGNED.finditer(value) for each in _spellings(match[2])}
    return found - {""}


def connection_secrets(connection: str) -> set[str]:
    """Return all of an ODBC connection string that must not be told, itself included."""
    found = {connection.strip()} | passwords(connection)
    for keyword, text in parts(connection):
        if keyword not in PUBLIC and len(bare(text)) >= SHORTEST:
            found |= _spellings(text)
    return found - {""}


def url_secrets(text: str, *, tokens: bool = False) -> set[str]:
    """Return all of a URL that must not be told; what is no URL is taken for a connection string.

    With `tokens`, parts of its path are secrets too if they look like ones, and so is the whole.
    """
    url = URL.match(text.strip())
    if url is None:
        return connection_secrets(text)
    found = passwords(text)
    for name, value in _query(url["rest"]):
        if name == "odbc_connect":
            found |= connection_secrets(value)
        elif name not in PUBLIC and len(value) >= SHORTEST:
            found |= _spellings(value)
    if tokens:
        place = url["rest"].partition("?")[0]
        found |= {each for each in re.split(r"[/:@#]", place) if _is_token(each)} | {text.strip()}
    return found | {text.strip()} if found else found


def _is_token(text: str) -> bool:
    return len(text) >= SHORTEST_TOKEN and "." not in text and not re.fullmatch("[a-z_-]+", text)


def _spellings(raw: str) -> set[str]:
    """Return a value as written, without what protects it, and without its %XX."""
    plain = {raw, bare(raw), raw.strip("\"'"), raw.lstrip("{")}
    return plain | {unquote(text) for text in plain} | {unquote_plus(text) for text in plain}


def _logins(url: str) -> Iterator[str]:
    """Yield the password of a URL, and what it would be if an @ in it had been written as it is."""
    read = URL.match(url.strip())
    if read is not None and read["password"]:
        yield read["password"]
        yield from (match[2] for match in LOGIN.finditer(url))


def _query(rest: str) -> Iterator[tuple[str, str]]:
    """Yield the names, in lower case, and the values of a URL's query."""
    for pair in rest.partition("?")[2].split("&"):
        name, _, value = pair.partition("=")
        if value:
            yield unquote_plus(name).strip().lower(), unquote_plus(value)


# -- how it is hidden


class _Registered:
    """The texts that are masked, in every form in which they may turn up."""

    def __init__(self) -> None:
        self._forms: set[str] = set()
        self._lowered: set[str] = set()
        self._pattern: re.Pattern[str] | None = None

    def add(self, text: str) -> None:
        forms = {*_forms(text)} - {""}
        self._lowered |= {form.lower() for form in forms}
        self._forms |= (
            forms | self._lowered
        )  # a letter may become two in lower case: no pattern finds the one by the two
        self._pattern = None

    def clear(self) -> None:
        self._forms = set()
        self._lowered = set()
        self._pattern = None

    def mask(self, text: str) -> str:
        """Look first, which is fast: a pattern of hundreds of forms takes long to make, and is hardly ever needed."""
        lowered = text.lower()
        if not any(form in lowered for form in self._lowered):
            return text
        if self._pattern is None:
            longest_first = sorted(self._forms, key=lambda form: (-len(form), form))
            self._pattern = re.compile("|".join(map(re.escape, longest_first)), re.IGNORECASE)
        return self._pattern.sub(MASK, text)


def _forms(text: str) -> Iterator[str]:
    raw = text.encode("utf-8", "surrogatepass")
    yield from (text, quote(raw, safe=""), quote_plus(raw))
    yield quote(raw, safe=" +")  # in a URL that SQLAlchemy wrote
    yield from (json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1], repr(text)[1:-1])
    yield text.replace("}", "}}")  # in an ODBC connection string
    yield " ".join(text.split())  # on one line
    for encoded in (raw, text.encode("utf-16-le", "surrogatepass")):
        yield repr(encoded)[2:-1]
        yield encoded.decode("latin-1")
        if len(text) >= SHORTEST:
            yield encoded.hex()
            yield from _base64(encoded)


def _base64(raw: bytes) -> Iterator[str]:
    """Yield what stands in Base64 for these bytes alone, wherever they begin in a longer text."""
    for before in range(3):
        encoded = base64.b64encode(b"\0" * before + raw)
        first = -(-before * 8 // 6)  # the character before has bits of what stands before
        last = (before + len(raw)) * 8 // 6
        if last - first >= SHORTEST_CODE:
            core = encoded[first:last].decode()
            yield from {core, core.replace("+", "-").replace("/", "_")}


_registered: Final = _Registered()


def register(text: str) -> None:
    """Have a text replaced by `***` wherever it turns up, also encoded or quoted."""
    _registered.add(text)


def register_all(secrets: Iterable[str]) -> None:
    """Register those of the secrets that are long enough to be told apart from words."""
    for secret in secrets:
        if len(secret) >= SHORTEST:
            register(secret)


def forget() -> None:
    """Forget all secrets."""
    _registered.clear()


def mask(text: str) -> str:
    """Return a text with all registered secrets replaced by `***`, and whatever stands where passwords do."""
    hidden = _registered.mask(text)
    if "=" in hidden:
        hidden = ASSIGNED.sub(rf"\1{MASK}", hidden)
    return LOGIN.sub(rf"\1:{MASK}@", hidden) if "@" in hidden else hidden
