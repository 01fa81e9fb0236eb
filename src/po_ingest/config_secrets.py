"""`${NAME}` from the environment and `keyring:SERVICE/USER` from the credential store, in any text of the config.

Also what of a configuration is secret: it is registered (`po_ingest.hiding`) before anything else is done with it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from po_ingest import hiding
from po_ingest.config_faults import ExpectedError, Fault, KeyPath

KEYRING: Final = "keyring:"
PLACEHOLDER: Final = re.compile(r"\$\$\{|\$\{(?P<name>[^{}]*)\}|\$\{")
ESCAPED: Final = "$${"
FILES: Final = frozenset({"sqlite", "csv"})
"""Adapters whose connection is a path, which is no secret."""
VARIABLE: Final = re.compile("[A-Za-z_][A-Za-z0-9_]*")


class Unknown:
    """Stands for a text that could not be filled in; no check takes it."""


def fill_in(raw: object, environ: Mapping[str, str], faults: list[Fault], path: KeyPath = ()) -> object:
    """Return a copy of a TOML value with all its texts filled in; what is missing is added to the faults."""
    if isinstance(raw, dict):
        return {key: fill_in(part, environ, faults, (*path, key)) for key, part in raw.items()}
    if isinstance(raw, list):
        return [fill_in(part, environ, faults, (*path, place)) for place, part in enumerate(raw)]
    if not isinstance(raw, str) or ("${" not in raw and not raw.startswith(KEYRING)):
        return raw
    try:
        return _fill_in(raw, environ)
    except ExpectedError as error:
        faults.append(Fault(path, f"expected {error}"))
        return Unknown()


def _fill_in(raw: str, environ: Mapping[str, str]) -> str:
    missing: list[str] = []

    def variable(found: re.Match[str]) -> str:
        if found[0] == ESCAPED:
            return "${"
        name = found["name"] or ""
        if not VARIABLE.fullmatch(name):
            raise ExpectedError("the name of an environment variable in ${...} ($${ stands for ${ itself)")
        if name not in environ:
            missing.append(name)
        filled = environ.get(name, "")
        if hiding.SECRET.search(name):
            hiding.register_all({filled})
        return filled

    text = PLACEHOLDER.sub(variable, raw)
    if missing:
        names = ", ".join(dict.fromkeys(missing))
        raise ExpectedError(
            f"environment variable {names} to be set, and it is not (for the account that runs po-ingest)"
        )
    # Whether it is the credential store's is told by the configuration, not by what a variable holds.
    return _from_keyring(text.removeprefix(KEYRING)) if raw.startswith(KEYRING) else text


def _from_keyring(entry: str) -> str:
    service, _, user = entry.rpartition("/")
    if not service or not user:
        raise ExpectedError("keyring:SERVICE/USER")
    try:
        import keyring  # noqa: PLC0415 - an extra, wanted by those who use it
        from keyring.errors import KeyringError  # noqa: PLC0415 - as above
    except ImportError:
        raise ExpectedError("the package keyring to be installed where po-ingest is: pip install keyring") from None
    try:
        secret = keyring.get_password(service, user)
    except KeyringError as error:
        raise ExpectedError(
            f"a credential store that this account can open; keyring ended with {type(error).__name__}"
        ) from None
    if secret is None:
        raise ExpectedError("an entry of that SERVICE and USER in this account's credential store, and there is none")
    hiding.register_all({secret})
    return secret


def hide(document: object) -> None:
    """Register what is secret in a document whose texts have been filled in, be it of any use or not."""
    for place, text in _secret_texts(document):
        hiding.register_all(_found_in(place, text))


def _found_in(place: str, text: str) -> set[str]:
    if place == "whole":
        return {text} - {""}
    if place == "connection":
        return hiding.connection_secrets(text) | hiding.url_secrets(text)
    return hiding.url_secrets(text, tokens=place == "tokens")


def stand_in_file(document: object) -> bool:
    """Say whether a document, as it is written, holds secrets itself, no `${NAME}` or `keyring:` in their place."""
    for place, text in _secret_texts(document):
        found = hiding.passwords(text) if place in {"connection", "url"} else _found_in(place, text)
        if not text.startswith(KEYRING) and any("${" not in each for each in found):
            return True
    return False


def _secret_texts(document: object) -> Iterator[tuple[str, str]]:
    """Yield what kind of secret a text has, and the text."""
    erp = _table(document, "erp")
    if _text(erp.get("adapter", "odbc")) not in FILES:
        yield "connection", _text(erp.get("connection"))
    yield "url", _text(_table(document, "store").get("url"))
    urls = _table(document, "notify").get("urls")
    for url in [*(urls if isinstance(urls, list) else [urls]), _table(document, "heartbeat").get("url")]:
        yield "tokens", _text(url)
    yield "url", _text(_table(document, "lineage").get("url"))
    yield "whole", _text(_table(document, "lineage").get("api_key"))


def _table(document: object, name: str) -> Mapping[str, object]:
    table = document.get(name) if isinstance(document, Mapping) else None
    return table if isinstance(table, Mapping) else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
