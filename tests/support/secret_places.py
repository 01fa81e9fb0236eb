"""Every place where a secret can be configured, each with a failure of its own; the secret is the tests' marker."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote, quote_plus

from support.marker import CORE
from support.skips import FREETDS_DRIVER, POSTGRESQL_DRIVER, SQLITE_DRIVER

HARD: Final = f"{CORE};}}'\" \u00fc/+&=@:#?\\"
"""A password with all that has a meaning somewhere."""
BRACED: Final = "{" + HARD.replace("}", "}}") + "}"
NOWHERE: Final = f"Driver={{{POSTGRESQL_DRIVER}}};Server=127.0.0.1;Port=1;Database=x;Uid=u"

CONNECTIONS: Final = {
    "plain": f"{NOWHERE};Pwd={CORE}",
    "braces": f"{NOWHERE};PWD={BRACED}",
    "upper case and blanks": f"{NOWHERE}; PASSWORD = {CORE} ",
    "single quotes": f"{NOWHERE};pwd='{CORE} x'",
    "double quotes": f'{NOWHERE};Pwd="{CORE};y"',
    "two blanks": f"{NOWHERE};Pwd=a  {CORE}  b",
    "without the braces it needs": f"{NOWHERE};Pwd=ab;{CORE}",
    "braces left open": f"{NOWHERE};Pwd={{ab{CORE}",
    "in front": f"Pwd={CORE};{NOWHERE}",
    "a token": f"{NOWHERE};AccessToken={CORE}",
    "within an option": f"{NOWHERE};pqopt={{password={CORE}}}",
    "a wrong option": f"{NOWHERE};sslmode={CORE};Pwd={CORE}",
    "a wrong port": f"Driver={{{POSTGRESQL_DRIVER}}};Server=127.0.0.1;Port=Pwd={CORE};Database=x",
    "no such driver": f"Driver={{Nope 18}};Server=h;Uid=u;Pwd={BRACED}",
    "a driver without its semicolon": f"Driver=Nope Pwd={CORE}",
    "a driver without its brace": f"Driver={{Nope;Server=h;Pwd={CORE}",
    "no such data source": f"DSN=nope;UID=u;PWD={CORE}",
    "SQLite": f"Driver={SQLITE_DRIVER};Database=nowhere/erp.db;NoCreat=1;Pwd={CORE}",
    "FreeTDS": f"Driver={FREETDS_DRIVER};Server=127.0.0.1;Port=1;Uid=u;Pwd={BRACED};TDS_Version=7.4",
    "a URL": f"postgresql://u:{CORE}@127.0.0.1:1/x",
    "nothing but it": CORE,
}
"""ODBC connection strings that lead nowhere."""

ODBC_CONNECT: Final = quote_plus(f"Driver=Nope;Server=h;Database=d;UID=u;PWD={BRACED}")
STORES: Final = {
    "PostgreSQL": (f"postgresql+psycopg://u:{quote(HARD, safe='')}@127.0.0.1:1/d", 7),
    "PostgreSQL, as an option": (f"postgresql+psycopg://u@127.0.0.1:1/d?password={quote_plus(HARD)}", 7),
    "PostgreSQL, a key's": (f"postgresql+psycopg://127.0.0.1:1/d?sslpassword={CORE}&sslmode=require", 7),
    "PostgreSQL, a wrong option": (f"postgresql+psycopg://u:{CORE}@127.0.0.1:1/d?sslmode=perhaps", 7),
    "an @ too many": (f"postgresql+psycopg://u:a@{CORE}@127.0.0.1:1/d", 2),
    "as the port": (f"postgresql+psycopg://u:{CORE}/d", 2),
    "as an option's name": (f"postgresql+psycopg://u:x@127.0.0.1:1/d?password=ab&{CORE}=1", 2),
    "a port that is none": (f"postgresql+psycopg://u:{CORE}@127.0.0.1:port/d", 2),
    "another driver": (f"postgresql+asyncpg://u:{CORE}@127.0.0.1:1/d", 2),
    "SQL Server, FreeTDS": (f"mssql+pyodbc://u:{quote(HARD, safe='')}@127.0.0.1:1/d?driver={FREETDS_DRIVER}", 7),
    "SQL Server, no such driver": (f"mssql+pyodbc://u:{CORE}@127.0.0.1:1/d?driver=Nope", 7),
    "SQL Server, as an option": (f"mssql+pyodbc://127.0.0.1/d?driver=Nope&UID=u&PWD={quote_plus(HARD)}", 7),
    "SQL Server, in another option": (f"mssql+pyodbc://127.0.0.1/d?driver=Nope%3BPWD%3D{CORE}", 7),
    "SQL Server, odbc_connect": (f"mssql+pyodbc:///?odbc_connect={ODBC_CONNECT}", 7),
    "SQL Server, odbc_connect without a database": (f"mssql+pyodbc:///?odbc_connect=Server%3Dh%3BPWD%3D{CORE}", 2),
    "SQL Server, a wrong option": (f"mssql+pyodbc://u:{CORE}@127.0.0.1/d?login_timeout={CORE}", 2),
    "SQLite has none": (f"sqlite:///po-ingest.db?password={CORE}", 2),
    "an unknown database": (f"oracle://u:{CORE}@h/d", 2),
    "a connection string": (f"Driver=x;PWD={CORE}", 2),
    "nothing but it": (CORE, 2),
}
"""URLs of stores that lead nowhere, and how a nightly ends."""

FAULTS: Final = {
    "no TOML, a quote too many": f'[erp]\nconnection = "Driver=x;Pwd="{CORE}""\n',
    "no TOML, a line end": f'[erp]\nconnection = "Driver=x;Pwd={CORE}\n"\n',
    "no TOML, an escape": f'[erp]\nconnection = "Driver=x;Pwd={CORE}\\q"\n',
    "no TOML, no quotes": f"[erp]\nconnection = {CORE}\n",
    "twice": f'[erp]\nconnection = "{CORE}"\nconnection = "{CORE}"\n',
    "a list": f'[erp]\nconnection = ["Driver=x;Pwd={CORE}"]\n',
    "an unknown key": f'[erp]\nconnection = "x"\npassword = "{CORE}"\n',
    "an unknown section": f'[login]\npassword = "{CORE}"\n[erp]\nconnection = "x"\n',
    "an adapter": f'[erp]\nadapter = "{CORE}"\nconnection = "x"\n',
    "an isolation": f'[erp]\nconnection = "x"\nisolation = "{CORE}"\n',
    "a time zone": f'[erp]\nconnection = "x"\ntimezone = "{CORE}"\n',
    "a level": f'[erp]\nconnection = "x"\n[log]\nlevel = "{CORE}"\n',
    "a schema": f'[erp]\nconnection = "x"\n[store]\nschema = "{CORE}\\";"\n',
    "a format": f'[erp]\nconnection = "x"\n[erp.po_lines.columns]\nin_date = {{ column = "a", format = "{CORE}" }}\n',
    "a notification": f'[erp]\nconnection = "x"\n[notify]\nurls = ["{CORE}", 1]\n',
    "a heartbeat": f'[erp]\nconnection = "x"\n[heartbeat]\nurl = "{CORE}"\n',
    "a variable that is missing beside it": f'[erp]\nconnection = "Driver=x;Pwd={CORE};Uid=${{NO_SUCH}}"\n',
    "a variable whose name is none": f'[erp]\nconnection = "Driver=x;Pwd=${{{CORE} 1}}"\n',
    "an entry that is missing": '[erp]\nconnection = "keyring:erp/nobody"\n',
}
"""Configurations that are refused, with a secret in the wrong place, or beside what is wrong."""
