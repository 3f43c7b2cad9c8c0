from __future__ import annotations

import logging

import pytest

from ioc import log
from ioc.settings import SETTINGS, Settings, SettingsError, address, child_environment, redact


def test_every_setting_is_a_field_and_is_explained():
    assert [name for name, _, _ in SETTINGS] == [f"IOC_{f.upper()}" for f in Settings.__dataclass_fields__]
    assert all(text for _, _, text in SETTINGS)


def test_a_secret_may_stand_in_a_file(tmp_path):
    (tmp_path / "secret").write_text("pa:ss/word\n")
    assert Settings.from_environment({"IOC_PASSWORD_FILE": str(tmp_path / "secret")}).password == "pa:ss/word"


def test_both_at_once_is_an_error():
    with pytest.raises(SettingsError, match="IOC_PASSWORD and IOC_PASSWORD_FILE are both set"):
        Settings.from_environment({"IOC_PASSWORD": "a", "IOC_PASSWORD_FILE": "/b"})


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("IOC_HTTP_PORT", "80a", "not a port"),
        ("IOC_HTTP_PORT", "70000", "not a port"),
        ("IOC_DATABASE_URL", "mysql://x", "must start with postgresql:// or postgres://"),
        ("IOC_BROKER_URL", "localhost:1883", "must start with mqtt:// or mqtts://"),
        ("IOC_BROKER_URL", "mqtt://", "names no host"),
        ("IOC_SMTP_URL", "smtp://:25", "names no host"),
        ("IOC_DATABASE_URL", "postgresql://ioc:pa/ss@db/ioc", "has a port that is not a number.*%2F"),
        ("IOC_BROKER_URL", "mqtt://b:99999", "has a port that is not a number"),
        ("IOC_SECRET", "short", "at least 16 characters"),
        ("IOC_BROKER_ULR", "mqtt://b", "did you mean IOC_BROKER_URL?"),
        ("IOC_PASSWORD_FILE", "/nowhere/at/all", "cannot be read"),
        ("IOC_LOG_LEVEL", "loud", "not one of debug, info, warning, error"),
    ],
)
def test_a_wrong_setting_is_told_by_name(name, value, said):
    with pytest.raises(SettingsError, match=said) as caught:
        Settings.from_environment({name: value})
    assert name in str(caught.value)


def test_a_certificate_that_a_plain_connection_would_ignore_is_told():
    with pytest.raises(SettingsError, match="IOC_BROKER_CA is set, but IOC_BROKER_URL is not encrypted: write mqtts"):
        Settings.from_environment({"IOC_BROKER_URL": "mqtt://b", "IOC_BROKER_CA": "/ca.pem"})
    assert Settings.from_environment({"IOC_BROKER_URL": "mqtts://b", "IOC_BROKER_CA": "/ca.pem"}).broker_ca


def test_a_database_on_this_machines_socket_needs_no_host():
    assert Settings.from_environment({"IOC_DATABASE_URL": "postgresql:///ioc"}).database_url


def test_all_wrong_settings_are_told_at_once():
    with pytest.raises(SettingsError) as caught:
        Settings.from_environment({"IOC_HTTP_PORT": "x", "IOC_SECRET": "y"})
    assert str(caught.value).count("\n") == 1


def test_a_wrong_address_is_told_without_its_password():
    with pytest.raises(SettingsError) as caught:
        Settings.from_environment({"IOC_BROKER_URL": "http://user:hunter2@broker"})
    assert "hunter2" not in str(caught.value)


def test_settings_survive_the_way_to_a_child():
    settings = Settings(broker_url="mqtt://u:p@b:1", http_port=81, secret="s" * 16)
    assert Settings.from_environment(settings.environment()) == settings


def test_a_child_gets_our_settings_and_not_what_lies_around(monkeypatch):
    monkeypatch.setenv("IOC_PASSWORD_FILE", "/x")
    monkeypatch.setenv("LANG", "C.UTF-8")
    given = child_environment({"IOC_PASSWORD": "p"})
    assert {k: v for k, v in given.items() if k.startswith("IOC_")} == {"IOC_PASSWORD": "p"}
    assert given["LANG"] == "C.UTF-8"


def test_an_address_is_taken_apart_and_decoded():
    found = address("mqtts://us%40er:p%3Aw@broker", {"mqtt": 1883, "mqtts": 8883})
    assert (found.scheme, found.host, found.port, found.user, found.password) == (
        "mqtts",
        "broker",
        8883,
        "us@er",
        "p:w",
    )
    assert "p:w" not in repr(found)


@pytest.mark.parametrize("url", ["mqtt://", "mqtt://host:port", "ftp://host"])
def test_what_is_no_address_is_refused(url):
    with pytest.raises(SettingsError):
        address(url, {"mqtt": 1883})


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgresql://ioc:hunter2@db/ioc failed", "postgresql://ioc:***@db/ioc failed"),
        ("host=db password=hunter2 user=ioc", "host=db password=*** user=ioc"),
        ("mqtt://:hunter2@b", "mqtt://:***@b"),
        ("nothing to hide at http://host:80/a@b", "nothing to hide at http://host:80/a@b"),
    ],
)
def test_passwords_are_starred_out(text, shown):
    assert redact(text) == shown


def test_settings_show_no_secret():
    text = repr(Settings(database_url="postgresql://u:hunter2@h/d", password="hunter2", secret="hunter2hunter2hunter2"))
    assert "hunter2" not in text


def test_a_log_line_hides_passwords_and_cannot_be_forged(capsys):
    log.start("info")
    logging.getLogger("x").warning("feed %s at %s", "a\r\n2026-01-01T00:00:00Z ERROR forged", "mqtt://u:hunter2@b")
    said = capsys.readouterr().err
    assert "hunter2" not in said
    assert len(said.splitlines()) == 1
    assert said.split(" ")[1] == "WARNING"


def test_no_foreign_text_begins_a_line_colours_a_terminal_or_turns_the_reading_direction(capsys):
    """As a topic, a client's id, an account's name or an SMTP server's answer would: here, for whoever logs it."""
    log.start("info")
    foreign = "a\r\n\x1b[31mred\x07\x00\u2028b\u202etxt.exe\x85c\x9bd\udcff" + "é ລາວ Trạm\t" + "x" * 30_000
    logging.getLogger("x").warning("topic %s", foreign)
    try:
        exec("raise ValueError('told' + chr(10) + '2026-01-01T00:00:00.000Z ERROR x: forged' + chr(27) + '[2J')")
    except ValueError:
        logging.getLogger("x").exception("failed")
    said = capsys.readouterr().err
    first, *trace = said.splitlines()
    assert r"a\r\n\x1b[31mred\x07\x00\u2028b\u202etxt.exe\x85c\x9bd\udcffé ລາວ Trạm" in first
    assert len(first) < 25_000
    assert trace[0].endswith("x: failed")
    assert all(line.startswith("    ") for line in trace[1:])
    assert any("forged" in line for line in trace)
    assert not set(said) & {"\x1b", "\x00", "\x85", "\u2028", "\u202e"}
