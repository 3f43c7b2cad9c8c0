"""Screens in the store: a code is used once, a key is kept as its hash, a screen that is away is told when it comes back."""

from __future__ import annotations

import hashlib
import json
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from ioc import cli
from ioc.access.holder import Who
from ioc.access.rights import Role
from ioc.store import database, displays
from ioc.store.displays import DisplayError, Sighting

WHO = Who("Trực ban", "administrator", "10.0.0.1")


@pytest.fixture
def pair(conn):
    """Pair a screen: (its number, its key)."""

    def one(name="Hall", **more):
        code, secret = displays.ask(conn, "10.0.0.7", "/wall")
        return displays.approve(conn, WHO, name, code=code, **more).id, secret

    return one


def test_a_code_is_used_once_and_the_secret_behind_it_becomes_the_key(conn):
    code, secret = displays.ask(conn, "10.0.0.7", "/wall/water?screen=2")
    assert re.fullmatch(f"[{displays.LETTERS}]{{8}}", code)
    assert displays.find(conn, secret) is None
    waits = displays.waiting(conn)
    assert [(w.hint, w.address, w.wants) for w in waits] == [(code[:4], "10.0.0.7", "/wall/water?screen=2")]
    typed = f" {code[:4].lower()}-{code[4:].lower()} "
    made = displays.approve(conn, WHO, "  Phòng   trực ban ", code=typed, scenes=["water", "water"], shows=["water"])
    assert (made.name, made.scenes, made.shows, made.created_by) == ("Phòng trực ban", ["water"], ["water"], "Trực ban")
    held = displays.find(conn, secret)
    assert (held.role, held.name, held.scenes, held.display) == (Role.DISPLAY, "Phòng trực ban", ("water",), made.id)
    assert displays.waiting(conn) == []
    with pytest.raises(DisplayError, match="no screen waits"):
        displays.approve(conn, WHO, "Another", code=code)


def test_half_a_code_is_enough_where_it_says_which_screen(conn):
    (_, secret), (other, _) = displays.ask(conn, "10.0.0.7"), displays.ask(conn, "10.0.0.8")
    conn.execute("UPDATE pairing SET hint = 'BCFH'")
    for unclear in ("BCFH", "BCF", "", other[:7]):
        with pytest.raises(DisplayError, match="no screen waits"):
            displays.approve(conn, WHO, "Hall", code=unclear)
    conn.execute("UPDATE pairing SET hint = 'KKKK' WHERE secret = %s", [hashlib.sha256(secret.encode()).digest()])
    displays.approve(conn, WHO, "Hall", code="kk-kk")
    assert displays.find(conn, secret).name == "Hall"


def test_neither_code_nor_key_can_be_read_from_the_store(conn, pair):
    code, waits = displays.ask(conn, "10.0.0.8")
    _, key = pair()
    rows = str(conn.execute("SELECT row_to_json(p)::text FROM pairing p UNION ALL SELECT row_to_json(d)::text FROM display d").fetchall())  # fmt: skip
    for secret in (code, waits, key):
        assert secret not in rows
        assert secret.encode().hex() not in rows
    for wrong in ("", key[:-1], key + "A", key.swapcase(), "x" * 43, "é" * 43, key + "\n", "'; DROP TABLE display; --"):
        assert displays.find(conn, wrong) is None
    assert displays.find(conn, waits) is None


def test_a_code_ends_after_ten_minutes(conn):
    code, secret = displays.ask(conn, "10.0.0.7")
    assert 590 < displays.lasts(conn, secret) <= 600
    conn.execute("UPDATE pairing SET expires_at = now()")
    assert displays.lasts(conn, secret) is None
    assert displays.waiting(conn) == []
    with pytest.raises(DisplayError, match="no screen waits"):
        displays.approve(conn, WHO, "Hall", code=code)
    displays.ask(conn, "10.0.0.7")
    assert conn.execute("SELECT count(*) FROM pairing").fetchone() == (1,)


def test_a_flood_leaves_room_for_others_and_ends_somewhere(conn):
    from_one = [displays.ask(conn, f"2001:db8:1:2::{n:x}") for n in range(25)]
    assert sum(found is not None for found in from_one) == 20
    assert displays.ask(conn, "10.0.0.7") is not None
    from_many = [displays.ask(conn, f"10.1.{n}.1") for n in range(60)]
    assert sum(found is not None for found in from_many) == 39
    assert conn.execute("SELECT count(*) FROM pairing").fetchone() == (60,)


def test_two_who_approve_the_same_screen_make_one(conn, database_url):
    code, secret = displays.ask(conn, "10.0.0.7")

    def approve(name):
        with database.connect(database_url, autocommit=True) as mine:
            try:
                return displays.approve(mine, WHO, name, code=code).name
            except DisplayError:
                return None

    with ThreadPoolExecutor(4) as several:
        made = [name for name in several.map(approve, ["A", "B", "C", "D"]) if name]
    assert [d.name for d in displays.listed(conn)] == made
    assert displays.find(conn, secret).name == made[0]


def test_a_revoked_key_opens_nothing_and_its_name_is_free_again(conn, pair):
    number, key = pair()
    displays.revoke(conn, WHO, number)
    assert displays.find(conn, key) is None
    assert displays.orders(conn, [number])[number].revoked
    assert displays.listed(conn) == []
    assert [(d.name, d.revoked_by) for d in displays.listed(conn, revoked=True)] == [("Hall", "Trực ban")]
    for again in (displays.revoke, displays.reload):
        with pytest.raises(DisplayError, match="no key any more"):
            again(conn, WHO, number)
    assert pair("Hall")[0] != number


def test_what_a_screen_is_told_stands_until_it_comes(conn, pair):
    number, _ = pair(scenes=["water", "mobility"])
    assert displays.orders(conn, [number])[number] == (number, False, ["mobility", "water"], None, 0, 0)
    displays.switch(conn, WHO, number, ["water"], 3)
    displays.reload(conn, WHO, number)
    assert displays.orders(conn, [number])[number] == (number, False, ["mobility", "water"], ["water"], 3, 1)
    displays.switch(conn, WHO, number, [])
    assert displays.orders(conn, [number])[number].shows == []
    displays.switch(conn, WHO, number, None)
    assert displays.orders(conn, [number])[number].shows is None
    with pytest.raises(DisplayError, match="services"):
        displays.switch(conn, WHO, number, ["services"])
    with pytest.raises(DisplayError, match="counted"):
        displays.switch(conn, WHO, number, ["water"], 1000)


def test_other_scenes_need_another_page_and_what_may_not_be_shown_is_no_longer_chosen(conn, pair):
    number, key = pair(scenes=["water", "mobility"], shows=["water"])
    displays.change(conn, WHO, number, "Hall", ["mobility", "water"])
    assert displays.orders(conn, [number])[number].reloads == 0
    displays.change(conn, WHO, number, "Lobby", ["mobility"])
    told = displays.orders(conn, [number])[number]
    assert (told.shows, told.scenes, told.reloads) == (None, ["mobility"], 1)
    assert displays.find(conn, key)[:2] == (Role.DISPLAY, "Lobby")


@pytest.mark.parametrize("name", ["", "   ", "x" * 81, "a\u202eb", "a\0b"])
def test_a_name_can_be_seen(conn, pair, name):
    with pytest.raises(DisplayError, match="1 to 80"):
        pair(name)
    assert len(displays.waiting(conn)) == 1  # the code was not used up


def test_a_name_stands_once(conn, pair):
    pair("Hall")
    number, _ = pair("Lobby")
    with pytest.raises(DisplayError, match="already"):
        pair("hall")
    with pytest.raises(DisplayError, match="already"):
        displays.change(conn, WHO, number, "HALL", [])
    displays.change(conn, WHO, number, "LOBBY", [])
    assert displays.number_of(conn, "lobby") == number == displays.number_of(conn, str(number))
    with pytest.raises(DisplayError, match="list"):
        displays.number_of(conn, "nowhere")


def test_a_screen_is_alive_while_it_is_seen_and_shows_something_since(conn, pair):
    (here, _), (there, _) = pair("Here"), pair("There")
    displays.seen(conn, [Sighting(here, "10.0.0.7", "water", 2, 3840, 2160, "abc"), Sighting(9999, "", "x")])
    first = displays.one(conn, here)
    assert (first.alive, first.scene, first.part, first.width, first.build) == (True, "water", 2, 3840, "abc")
    assert first.since == first.up_since == first.seen_at
    assert not displays.one(conn, there).alive
    displays.seen(conn, [Sighting(here, "10.0.0.7", "water", 2, 3840, 2160, "abc")])
    again = displays.one(conn, here)
    assert again.seen_at > first.seen_at
    assert (again.since, again.up_since) == (first.since, first.up_since)
    displays.seen(conn, [Sighting(here, "10.0.0.7", "mobility")])
    other = displays.one(conn, here)
    assert other.since > first.since
    assert other.up_since == first.up_since
    conn.execute("UPDATE display SET seen_at = seen_at - %s", [timedelta(seconds=26)])
    assert not displays.one(conn, here).alive
    displays.seen(conn, [Sighting(here, "10.0.0.7", "mobility")])
    assert displays.one(conn, here).up_since > first.up_since


def test_every_change_is_heard_of(conn, database_url, pair):
    with database.connect(database_url, autocommit=True) as ears:
        displays.listen(ears)
        number, _ = pair()
        changes = [lambda: displays.ask(conn, "10.0.0.9"), lambda: displays.switch(conn, WHO, number, ["water"]),
                   lambda: displays.reload(conn, WHO, number), lambda: displays.change(conn, WHO, number, "Lobby", []),
                   lambda: displays.revoke(conn, WHO, number)]  # fmt: skip
        assert displays.heard(ears, 5)
        for change in changes:
            assert not displays.heard(ears, 0)
            change()
            assert displays.heard(ears, 5)


def test_every_deed_is_in_the_audit_without_a_secret(conn, pair):
    number, key = pair(scenes=["water"])
    displays.switch(conn, WHO, number, ["water"], 2)
    displays.reload(conn, WHO, number)
    displays.change(conn, WHO, number, "Lobby", [])
    displays.revoke(conn, WHO, number)
    rows = conn.execute("SELECT deed, who, address, subject, before, after FROM audit ORDER BY id").fetchall()
    assert [r[0] for r in rows] == [
        "display.pair",
        "display.switch",
        "display.reload",
        "display.change",
        "display.revoke",
    ]
    assert {r[1:3] for r in rows} == {("Trực ban", "10.0.0.1")}
    assert (rows[3][3], rows[3][4], rows[3][5]) == ("display Hall", {"name": "Hall", "scenes": ["water"]}, {"name": "Lobby", "scenes": []})  # fmt: skip
    assert key not in str(rows)


@pytest.mark.parametrize(
    ("address", "same"),
    [("10.0.0.7", "10.0.0.7"), ("::ffff:10.0.0.7", "10.0.0.7"), ("2001:db8:0:1::5", "2001:0db8:0000:0001"), ("what", "what")],
)  # fmt: skip
def test_a_flood_is_counted_by_its_network(address, same):
    assert displays.network(address) == same


@pytest.fixture
def ioc(database_url, monkeypatch, capsys):
    """`ioc displays words...` -> (exit code, standard output, standard error)."""
    monkeypatch.setenv("IOC_DATABASE_URL", database_url)

    def run(*words):
        code = cli.main(["displays", *words])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def test_a_terminal_does_all_that_the_page_does(conn, ioc):
    assert ioc("list")[:2] == (0, "no screens: open /wall on one, then `ioc displays approve CODE --name NAME`\n")
    code, secret = displays.ask(conn, "10.0.0.7", "/wall")
    assert f"{code[:4]}…" in ioc("list")[1]
    assert ioc("approve", f"{code[:4]} {code[4:]}", "--name", "[b]Hall", "--scenes", "water, mobility", "--show", "water")[0] == 0  # fmt: skip
    number = displays.find(conn, secret).display
    assert ioc("switch", "[b]hall", "mobility", "--screen", "2")[1] == "[b]hall is told what to show; it is away, and hears of it when it comes back\n"  # fmt: skip
    assert displays.orders(conn, [number])[number][3:5] == (["mobility"], 2)
    assert ioc("switch", str(number))[0] == 0
    assert displays.orders(conn, [number])[number].shows == []
    assert json.loads(ioc("switch", str(number), "--address", "--json")[1])["shows"] is None
    displays.seen(conn, [Sighting(number, "10.0.0.7", "water", 0, 1920, 1080, "x")])
    shown = ioc("list")[1]
    for said in ("[b]Hall", "alive", "water", "1920×1080", "mobility, water"):
        assert said in shown
    assert json.loads(ioc("list", "--json")[1])["displays"][0]["alive"] is True
    assert ioc("reload", "[b]Hall")[1] == "[b]Hall is told to load itself anew\n"
    assert ioc("revoke", "[b]Hall")[0] == 0
    assert displays.find(conn, secret) is None
    assert "revoked" in ioc("list", "--all")[1]
    assert {who for (who,) in conn.execute("SELECT address FROM audit WHERE deed LIKE 'display.%'")} == {"terminal"}


@pytest.mark.parametrize(
    ("words", "code", "remedy"),
    [(["approve", "BCFHJKMN", "--name", "x"], 1, "changes every ten minutes"), (["revoke", "nobody"], 1, "ioc displays list"),
     (["switch", "x", "--screen", "-1"], 2, "number of a screen"), (["approve", "BCFHJKMN"], 2, "--name"), ([], 2, "WHAT"),
     (["reload", "99"], 1, "no key any more")],
)  # fmt: skip
def test_a_slip_says_its_remedy(ioc, words, code, remedy):
    found, _, said = ioc(*words)
    assert found == code
    assert remedy in said
    assert "Traceback" not in said
