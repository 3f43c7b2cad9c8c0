"""`ioc users` as an administrator types it: what it does, what it says, and what it refuses."""

from __future__ import annotations

import io
import json
import re
from datetime import UTC, datetime

import argon2
import pytest

from ioc import cli
from ioc.access import passwords
from ioc.access.rights import Role
from ioc.store import database, entering, people, sessions
from tests import scratch

GOOD = "chín con cá tra dưới cầu"
SECRET = "a secret of at least sixteen letters"


@pytest.fixture(scope="module")
def url(postgres):
    with scratch.database(postgres) as found:
        yield found


@pytest.fixture
def conn(url, monkeypatch):
    """The module's database, emptied of accounts before; passwords are hashed quickly."""
    monkeypatch.setattr(passwords, "_HASHER", argon2.PasswordHasher(1, 8, 1))
    monkeypatch.setenv("IOC_DATABASE_URL", url)
    monkeypatch.setenv("IOC_BASE_URL", "https://ioc.example.org")
    with database.connect(url, autocommit=True) as connection:
        connection.execute("TRUNCATE person, session, one_time CASCADE")
        yield connection


@pytest.fixture
def ioc(conn, capsys, monkeypatch):
    def run(*words, typed=""):
        monkeypatch.setattr("sys.stdin", io.StringIO(typed))
        code = cli.main(["users", *words])
        said = capsys.readouterr()
        return code, said.out, said.err

    assert run("add", "boss", "--role", "administrator")[0] == 0
    return run


def test_a_new_account_gets_a_link_that_can_be_piped_into_a_mail(ioc, conn):
    code, out, err = ioc("add", "Nguyễn Thị Lan", "--role", "operator", "--address", "lan@example.org")
    assert code == 0
    assert "account Nguyễn Thị Lan: operator" in out
    assert "once" in err
    link = out.splitlines()[-1]
    assert re.fullmatch(r"https://ioc\.example\.org/first/[\w-]{43}", link)
    assert people.use_link(conn, link.rpartition("/")[2], datetime.now(UTC)).name == "Nguyễn Thị Lan"


def test_a_password_is_piped_or_asked_for_and_never_an_argument(ioc, conn):
    assert ioc("add", "Lan", "--role", "viewer", "--password", typed=f"{GOOD}\n")[0] == 0
    assert entering.password(conn, "lan", GOOD, datetime.now(UTC)).outcome == "right"
    assert ioc("password", "Lan", GOOD)[0] == 2
    assert ioc("add", "Lan2", "--role", "viewer", "--password", GOOD)[0] == 2
    assert people.find(conn, "Lan2") is None


@pytest.mark.parametrize(
    ("typed", "why"), [("short\n", "at least 12"), ("password1234\n", "easy to guess"), ("\n", "at least 12"),
                       ("", "at least 12"), ("x" * 5000, "at most 128"), ("Lan Lan Lan Lan\n", "easy to guess")],
)  # fmt: skip
def test_a_password_that_nobody_may_choose_changes_nothing(ioc, conn, typed, why):
    ioc("add", "Lan", "--role", "viewer")
    code, _, err = ioc("password", "Lan", typed=typed)
    assert code == 1
    assert why in err
    assert people.find(conn, "Lan").password == ""


def test_two_passwords_typed_at_a_terminal_must_be_one(ioc, conn, monkeypatch):
    ioc("add", "Lan", "--role", "viewer")
    answers = [GOOD, GOOD + "x", GOOD, GOOD]
    monkeypatch.setattr("getpass.getpass", lambda _: answers.pop(0))
    terminal = io.StringIO()
    terminal.isatty = lambda: True
    monkeypatch.setattr("io.StringIO", lambda _="": terminal)
    assert "the two differ" in ioc("password", "Lan")[2]
    assert ioc("password", "Lan")[0] == 0
    assert people.find(conn, "Lan").password


def test_a_new_password_ends_the_sessions(ioc, conn):
    ioc("add", "Lan", "--role", "viewer")
    lan = people.find(conn, "Lan")
    cookie = sessions.open_(conn, lan.id, SECRET, "192.0.2.1", "link", datetime.now(UTC))
    assert "192.0.2.1" in ioc("sessions", "Lan")[1]
    ioc("password", "Lan", typed=GOOD)
    assert sessions.find(conn, cookie, SECRET, datetime.now(UTC)) is None
    assert "logged in nowhere" in ioc("sessions", "Lan")[1]


def test_sessions_can_be_ended_and_an_account_disabled_enabled_and_removed(ioc, conn):
    ioc("add", "Lan", "--role", "viewer")
    lan = people.find(conn, "Lan")
    for word in ("end", "disable"):
        cookie = sessions.open_(conn, lan.id, SECRET, "", "link", datetime.now(UTC))
        assert ioc(word, "lan")[0] == 0
        assert sessions.find(conn, cookie, SECRET, datetime.now(UTC)) is None
    assert "is disabled" in ioc("link", "Lan")[2]
    assert ioc("enable", "Lan")[0] == 0
    assert ioc("link", "Lan")[0] == 0
    assert ioc("remove", "Lan")[0] == 0
    assert people.find(conn, "Lan") is None


def test_what_was_mistyped_is_guessed(ioc, conn):
    ioc("add", "Nguyễn Thị Lan", "--role", "viewer")
    conn.execute("INSERT INTO feed (key, name) VALUES ('air', '{}'), ('water', '{}') ON CONFLICT DO NOTHING")
    said = {
        ("show", "Nguyên Thi Lan"): "did you mean Nguyễn Thị Lan?",
        ("change", "boss", "--role", "oprator"): "did you mean operator?",
        ("change", "boss", "--feed", "watre"): "there is no feed 'watre': did you mean water?",
        ("change", "boss", "--area", "ward-1"): "there is no area 'ward-1': the store knows no areas yet",
        ("change", "boss", "--feeds", "water"): "did you mean --feed?",
        ("change", "boss"): "nothing to change",
        ("change", "boss", "--everywhere", "--feed", "water"): "leave --area and --feed out",
        ("add", "boss", "--role", "viewer"): "there is an account 'boss' already",
        ("add", "x", "--role", "display"): "unknown ROLE 'display'",
        ("add", "x", "--role", "viewer", "--address", "no"): "not an address",
        ("add", "a\nb", "--role", "viewer"): "letters that can be seen",
        ("ad", "x"): "did you mean add?",
    }
    for words, expected in said.items():
        code, out, err = ioc(*words)
        assert code in {1, 2}, words
        assert expected in err, words
        assert out == ""


def test_a_change_is_said_and_kept(ioc, conn):
    conn.execute("INSERT INTO feed (key, name) VALUES ('air', '{}'), ('water', '{}') ON CONFLICT DO NOTHING")
    ioc("add", "Lan", "--role", "viewer")
    out = ioc("change", "Lan", "--role", "integrator", "--feed", "air", "--feed", "water", "--name", "Lan Anh")[1]
    assert out == "account Lan Anh: integrator, on air, water\n"
    assert people.find(conn, "Lan Anh").feeds == ("air", "water")
    ioc("change", "Lan Anh", "--everywhere", "--address", "lan@example.org")
    assert people.find(conn, "lan@example.org").feeds == ()


def test_the_last_administrator_is_safe_from_every_command(ioc, conn):
    for words in (("remove", "boss"), ("disable", "boss"), ("change", "boss", "--role", "manager")):
        code, _, err = ioc(*words)
        assert code == 1
        assert "boss is the last administrator" in err
    assert people.find(conn, "boss").role is Role.ADMINISTRATOR


def test_what_a_provider_says_is_not_changed_here(ioc, conn):
    people.from_provider(conn, "https://id.example", "1", "Lan", "", Role.VIEWER)
    for words in (("change", "Lan", "--role", "manager"), ("password", "Lan")):
        code, _, err = ioc(*words, typed=GOOD)
        assert code == 1
        assert "https://id.example" in err


def test_codes_can_be_taken_off_when_the_phone_is_lost(ioc, conn):
    boss = people.find(conn, "boss")
    entering.set_codes(conn, people.audit.terminal(), SECRET, boss, "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP", 0)
    assert "password" not in ioc("list")[1].split("boss")[1]
    assert "no code is asked for" in ioc("change", "boss", "--no-code")[1]
    assert people.find(conn, "boss").totp is None


def test_the_list_is_for_people_and_for_programs_and_tells_no_secret(ioc, conn):
    ioc("add", "<b>Lan</b> [red]", "--role", "viewer", "--password", typed=GOOD)
    entering.set_codes(conn, people.audit.terminal(), SECRET, people.find(conn, "boss"), "A" * 32, 0)
    out = ioc("list")[1]
    assert "<b>Lan</b> [red]" in out
    found = [json.loads(line) for line in ioc("list", "--json")[1].splitlines()]
    assert [(p["name"], p["role"], p["password"], p["code"]) for p in found] == [
        ("<b>Lan</b> [red]", "viewer", True, False), ("boss", "administrator", False, True)]  # fmt: skip
    assert "argon2" not in out + json.dumps(found)


def test_without_a_store_it_says_what_is_missing(monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.delenv("IOC_DATABASE_URL", raising=False)
    assert cli.main(["users", "list"]) == 1
    assert "IOC_DATABASE_URL is not set" in capsys.readouterr().err


def test_everything_typed_here_is_in_the_audit(ioc, conn):
    before = conn.execute("SELECT coalesce(max(id), 0) FROM audit").fetchone()[0]
    ioc("add", "Lan", "--role", "viewer")
    ioc("change", "Lan", "--role", "operator")
    ioc("password", "Lan", typed=GOOD)
    ioc("remove", "Lan")
    noted = conn.execute("SELECT deed, address FROM audit WHERE id > %s ORDER BY id", [before]).fetchall()
    assert noted == [
        (d, "terminal") for d in ("person.add", "link.add", "person.change", "person.password", "person.remove")
    ]
