"""What `po-ingest init` writes: a configuration to start from, for one kind of ERP."""

from __future__ import annotations

from importlib.resources import files
from typing import Final

PRESETS: Final = {
    "odbc": "any database with an ODBC driver, such as SQL Server",
    "sqlite": "a SQLite file",
    "csv": "a folder of CSV files",
    "sap": "SAP ERP or S/4HANA",
    "jde": "JD Edwards EnterpriseOne",
    "dynamics": "Dynamics 365 Business Central and NAV, on SQL Server",
}
"""Preset -> what it is for."""


def render(preset: str) -> str:
    """Return the configuration of a preset: the ERP's part, then what is the same for all."""
    folder = files(__name__)
    return "\n".join((folder / f"{name}.toml").read_text(encoding="utf-8") for name in (preset, "common"))
