"""The configuration file (contract, section 3): where it is, and what it says, all its faults told at once."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import attrs

from po_ingest import config_checks as checks
from po_ingest import installed
from po_ingest.config_faults import ExpectedError, Fault, FaultsError, KeyPath, show
from po_ingest.config_secrets import fill_in, hide, stand_in_file
from po_ingest.config_sections import Installed, settings_check
from po_ingest.errors import ConfigError
from po_ingest.settings import Settings

VARIABLE: Final = "PO_INGEST_CONFIG"
DEFAULT_NAME: Final = "po-ingest.toml"
KEYS_SHOWN: Final = 3
WHERE: Final = re.compile(r" \(at (.*)\)$")
MEND: Final = "mend the file; docs/configuration.md tells of every key"
CREATE: Final = "name it with --config or PO_INGEST_CONFIG, or write one with: po-ingest init"


def find(option: str | Path | None, environ: Mapping[str, str]) -> Path:
    """Return the configuration file: `--config`, else `$PO_INGEST_CONFIG`, else `./po-ingest.toml`."""
    return Path(option or environ.get(VARIABLE) or DEFAULT_NAME)


def load(path: Path, environ: Mapping[str, str], names: Installed = installed.names) -> Settings:
    """Read a configuration. Raises ConfigError; its details have a line per fault, and never a value."""
    document = _parse(path, _read(path))
    faults: list[Fault] = []
    try:
        filled = fill_in(document, environ, faults)
    except RecursionError:
        raise ConfigError(
            f"the configuration file {path} has keys in keys in keys, beyond all measure", hint=MEND
        ) from None
    hide(filled)
    unfilled = {fault.path for fault in faults}
    settings: Settings | None = None
    try:
        settings = settings_check(path.absolute(), names)(filled)
    except FaultsError as error:
        # what could not be filled in is a fault already
        faults.extend(fault for fault in error.faults if not (fault.of_value and fault.path in unfilled))
    if faults or settings is None:
        raise _error(path, _in_order(faults, document))
    return attrs.evolve(settings, is_confidential=stand_in_file(document))


def store_url(option: str, text: str, environ: Mapping[str, str], names: Installed = installed.names) -> str:
    """Return the store's URL that an option of the command line gives, filled in as a text of the file is.

    An SQLite file's relative path starts at the current folder. Raises ConfigError, without the URL.
    """
    faults: list[Fault] = []
    filled = fill_in(text, environ, faults)
    hide({"store": {"url": filled}})
    try:
        url = checks.store_url(Path.cwd(), lambda: names(installed.STORES))(filled) if not faults else None
    except ExpectedError as error:
        faults.append(Fault((), f"expected {error}"))
    if faults or not isinstance(url, str):
        raise ConfigError(f"{option} cannot be used: {faults[0].text}", hint="the same as for store.url")
    return url


def _read(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise ConfigError(f"there is no configuration file {path}", hint=CREATE) from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise ConfigError(
            f"the configuration file {path} is not in UTF-8 (line {line})", hint="save it in UTF-8"
        ) from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "its name is no file's"
        raise ConfigError(f"the configuration file {path} cannot be read: {reason}", hint=CREATE) from None


def _parse(path: Path, text: str) -> dict[str, object]:
    try:
        return tomllib.loads(text.replace("\r\n", "\n"))
    except tomllib.TOMLDecodeError as error:
        found = WHERE.search(str(error))
        where = found[1] if found else "an unknown line"
        what = WHERE.sub("", str(error))
    except (ValueError, RecursionError):  # a number of thousands of digits, lists in lists in lists
        where, what = "an unknown line", "A number or a list goes beyond all measure"
    detail = f"{path}: {where}: {what}"
    raise ConfigError(f"the configuration file {path} is not TOML: {where}", hint="mend that line", details=(detail,))


def _in_order(faults: list[Fault], document: Mapping[str, object]) -> list[Fault]:
    """Sort faults as their keys stand in the file; those of keys that are not there come first in their section."""

    def place(path: KeyPath) -> list[int]:
        places: list[int] = []
        at: object = document
        for key in path:
            if isinstance(at, Mapping):
                places.append(list(at).index(str(key)) if key in at else -1)
                at = at.get(str(key))
            else:
                places.append(int(key) if isinstance(key, int) else -1)
                at = None
        return places

    return sorted(faults, key=lambda fault: place(fault.path))


def _error(path: Path, faults: list[Fault]) -> ConfigError:
    keys = list(dict.fromkeys(show(fault.path) for fault in faults))
    more = f" and {len(keys) - KEYS_SHOWN} more" if len(keys) > KEYS_SHOWN else ""
    count = f"{len(faults)} fault{'s' if len(faults) > 1 else ''}"
    return ConfigError(
        f"the configuration file {path} has {count}: {', '.join(keys[:KEYS_SHOWN])}{more}",
        hint=MEND,
        details=tuple(f"{path}: {show(fault.path)}: {fault.text}" for fault in faults),
    )
