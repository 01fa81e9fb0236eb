"""What is secret is known wherever it is configured, and hidden in whatever form it turns up (R16)."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from po_ingest import config, hiding
from po_ingest.errors import ConfigError, PoIngestError
from po_ingest.hiding import connection_secrets, mask, passwords, register, register_all, url_secrets
from po_ingest.ports import Finding


@pytest.mark.parametrize(
    ("url", "secret"),
    [
        ("postgresql://u:geheim@h/d", "geheim"),
        ("postgresql://u:ge%2Fheim%20@h/d", "ge/heim "),
        ("postgresql://u:ge@heim@h/d", "ge@heim"),
        ("postgresql://u:ge/he?im#@h/d", "ge/he?im#"),
        ("postgresql://h/d?PassWord=ge+heim", "ge heim"),
        ("postgresql://h/d?sslpassword=x1", "x1"),
        ("postgresql://h/d?some=thing", "thing"),
        ("mssql+pyodbc://h/d?driver=X%3BPWD%3Dgeheim", "geheim"),
        ("mssql+pyodbc:///?odbc_connect=Server%3Dh%3BPWD%3D%7Bge%7D%7Dheim%7D", "ge}heim"),
        ("Driver=x;PWD=geheim", "geheim"),
    ],
)
def test_r16_a_urls_secrets_are_known(url: str, secret: str) -> None:
    assert secret in url_secrets(url)
    assert url in url_secrets(url)


@pytest.mark.parametrize(
    "url",
    [
        "sqlite:///po-ingest.db",
        "sqlite:///a@b:c.db",
        "postgresql://u@h:5432/d?sslmode=require&application_name=nightly&connect_timeout=1000",
        "mssql+pyodbc://h/d?driver=ODBC+Driver+18+for+SQL+Server&TrustServerCertificate=yes",
        "",
    ],
)
def test_a_url_without_secrets_has_none(url: str) -> None:
    assert url_secrets(url) == set()


def test_r16_parts_of_a_path_that_look_like_tokens_are_secrets_where_they_may_be() -> None:
    url = "https://hooks.example.com/services/T0123456/B-Geheim-1"
    assert url_secrets(url) == set()
    assert url_secrets(url, tokens=True) == {url, "T0123456", "B-Geheim-1"}


def test_r16_a_password_is_told_from_other_values() -> None:
    text = "Driver=x;Uid=someone;Pwd={ge}}heim};Something=else;AccessToken=abcd"
    assert {"ge}heim", "abcd"} <= passwords(text)
    assert "else" not in passwords(text)
    assert "else" in connection_secrets(text)
    assert "someone" not in connection_secrets(text)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("there is no file Driver=x;Pwd=geheim;Uid=u", "there is no file Driver=x;Pwd=***;Uid=u"),
        ("user password = {ge}}he im} refused", "user password = *** refused"),
        ("PGPASSWORD='ge heim' x", "PGPASSWORD=*** x"),
        ("at postgresql://u:ge/heim@h/d now", "at postgresql://u:***@h/d now"),
        ("at postgresql:/u:geheim@h/d", "at postgresql:/u:***@h/d"),
        ("password authentication failed for user u", "password authentication failed for user u"),
        (
            "see https://example.com:8080/a, write to a@b.example",
            "see https://example.com:8080/a, write to a@b.example",
        ),
    ],
)
def test_r16_what_stands_where_passwords_do_is_hidden_although_nobody_knows_it(text: str, told: str) -> None:
    assert mask(text) == told


@pytest.mark.parametrize("before", [b"", b"u", b"u:"])
def test_r16_a_secret_is_hidden_in_base64_and_hexadecimal(before: bytes) -> None:
    register("Geheim-4711")
    encoded = base64.b64encode(before + b"Geheim-4711" + b" after").decode()
    assert "***" in mask(encoded)
    assert base64.b64encode(b"Geheim-4711")[4:-4].decode() not in mask(encoded)
    assert mask(b"Geheim-4711".hex().upper()) == "***"
    assert mask("GEHEIM-4711 and G%65heim") == "*** and G%65heim"


def test_r16_a_secret_with_blanks_is_hidden_where_they_were_drawn_together() -> None:
    register("ge  he\tim")
    assert mask("no ge he im") == "no ***"


def test_short_secrets_do_not_cut_words() -> None:
    register_all({"abc", "abcd", ""})
    assert mask("abc abcd x") == "abc *** x"


def test_r16_an_error_and_a_finding_are_without_secrets_from_the_start() -> None:
    register("Geheim-4711")
    error = PoIngestError("Geheim-4711 a", hint="b Geheim-4711", details=("Geheim-4711",))
    assert (str(error), error.details) == ("*** a; b ***", ("***",))
    assert error.args == ("*** a",)
    finding = Finding("erp", "ok", "Geheim-4711", "Geheim-4711")
    assert (finding.message, finding.hint) == ("***", "***")


# -- what the configuration makes known
def load(folder: Path, text: str, **environ: str) -> bool:
    file = folder / "po-ingest.toml"
    file.write_text(text, encoding="utf-8")
    return config.load(file, environ).is_confidential


@pytest.mark.parametrize(
    ("text", "is_confidential"),
    [
        ('connection = "Driver=x;Pwd=geheim"', True),
        ('connection = "Driver=x;Pwd=${PW}"', False),
        ('connection = "Driver=x;Pwd={${PW}}"', False),
        ('connection = "${PW}"', False),
        ('connection = "Driver=x;Trusted_Connection=yes"', False),
        ('adapter = "csv"\nconnection = "a;Pwd=folder"', False),
        ('connection = "x"\n[store]\nurl = "postgresql://u:geheim@h/d"', True),
        ('connection = "x"\n[store]\nurl = "postgresql://u:${PW}@h/d"', False),
        ('connection = "x"\n[heartbeat]\nurl = "https://a.example/4711-4711"', True),
        ('connection = "x"\n[heartbeat]\nurl = "https://a.example/${PW}"', False),
        ('connection = "x"\n[lineage]\nurl = "http://h"\napi_key = "geheim-4711"', True),
        ('connection = "x"\n[lineage]\nurl = "http://h"\napi_key = "${PW}"', False),
        ('connection = "x"\n[notify]\nurls = ["mailto://u:geheim@h"]', True),
    ],
)
def test_it_is_known_whether_passwords_stand_in_the_file(tmp_path: Path, text: str, is_confidential: bool) -> None:
    assert load(tmp_path, f"[erp]\n{text}\n", PW="4711-Geheim") is is_confidential


def test_r16_a_path_is_no_secret_and_a_variable_named_like_one_is(tmp_path: Path) -> None:
    load(
        tmp_path,
        '[erp]\nadapter = "sqlite"\nconnection = "${FOLDER}/erp.db"\n'
        "[erp.po_lines]\nquery = \"SELECT '${API_TOKEN}'\"\n",
        FOLDER="/srv/erp",
        API_TOKEN="Geheim-4711",  # noqa: S106 - the test's own
    )
    assert mask("/srv/erp/erp.db says Geheim-4711") == "/srv/erp/erp.db says ***"


def test_r16_an_option_of_the_command_line_is_hidden_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    config.store_url("--to", "postgresql://u:Geheim-4711@h/d", {})
    assert mask("Geheim-4711") == "***"
    hiding.forget()
    assert mask("Geheim-4711") == "Geheim-4711"


def test_r16_a_secret_is_hidden_whatever_becomes_of_its_letters_in_lower_case() -> None:
    hiding.register("GİZLİparola")
    for text in ("GİZLİparola", "gİZLİparola", "GİZLİparola".lower(), "GİZLİPAROLA"):
        assert hiding.mask(f"login with {text} failed") == "login with *** failed"


def test_r16_an_adapter_that_is_no_name_is_a_fault_of_the_configuration(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"erp\.adapter"):
        load(tmp_path, '[erp]\nadapter = ["odbc"]\nconnection = "Driver=x;Pwd=Geheim-4711"\n')
    assert "Geheim-4711" not in hiding.mask("Geheim-4711")
