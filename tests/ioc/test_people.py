"""Accounts and sessions in the store: who is let in, for how long, and how a copied cookie ends."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import argon2
import pyotp
import pytest

from ioc.access import codes, keys, passwords
from ioc.access.holder import Who
from ioc.access.rights import Role
from ioc.errors import AccessError
from ioc.store import database, entering, people, sessions
from ioc.store.people import New
from tests import scratch

NOW = datetime(2026, 3, 9, 1, 0, tzinfo=UTC)
WHO = Who("boss", "administrator", "terminal")
SECRET = "a secret of at least sixteen letters"
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


@pytest.fixture(scope="module")
def whole(postgres):
    with scratch.database(postgres) as url, database.connect(url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def conn(whole):
    """One database for all, as it was before: what a test does is rolled back."""
    with whole.transaction(force_rollback=True):
        yield whole


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Hashes that take no time; the tests of time make their own."""
    monkeypatch.setattr(passwords, "_HASHER", argon2.PasswordHasher(1, 8, 1))
    passwords._nobodys.cache_clear()
    yield
    passwords._nobodys.cache_clear()


@pytest.fixture
def boss(conn):
    return people.add(conn, WHO, New(name="boss", role=Role.ADMINISTRATOR))


@pytest.fixture
def lan(conn, boss):
    return people.add(conn, WHO, New(name="Lan", role=Role.OPERATOR, address="lan@example.org", areas=("ward-1",)))


def enter(conn, person, now=NOW, secret=SECRET):
    return sessions.open_(conn, person.id, secret, "192.0.2.7", "password", now)


def deeds(conn):
    conn.execute("SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED")  # the log is written at a commit
    return [row[0] for row in conn.execute("SELECT deed FROM audit ORDER BY id").fetchall()]


# Sessions


def test_a_session_stands_for_its_person_with_role_and_bounds(conn, lan):
    holder = sessions.find(conn, enter(conn, lan), SECRET, NOW + MINUTE)
    assert (holder.role, holder.name, holder.person) == (Role.OPERATOR, "Lan", lan.id)
    assert holder.bounds.areas == {"ward-1"}
    assert holder.renewed == ""
    assert "login.done" in deeds(conn)


def test_a_copy_of_the_database_holds_nothing_that_opens_a_session(conn, lan):
    handle, value, _ = enter(conn, lan).split(".")
    row = str(conn.execute("SELECT * FROM session").fetchone())
    assert handle not in row
    assert value not in row


@pytest.mark.parametrize("secret", [SECRET, ""])
def test_a_made_up_or_bent_cookie_is_nobody(conn, lan, secret):
    cookie = enter(conn, lan, secret=secret)
    handle, value, signature = cookie.split(".")
    assert sessions.find(conn, cookie, secret, NOW) is not None
    bent = [f"{handle}.{'A' * 43}.{signature}", f"{'A' * 22}.{value}.{signature}", f"{handle}.{value}.{'A' * 43}",
            f"{handle}.{value}", "", "..", cookie + "x", cookie[:-1], "\u1ea1" * 110, cookie.replace(".", "\0")]  # fmt: skip
    assert [c for c in bent if sessions.find(conn, c, secret, NOW) is not None] == []
    assert sessions.find(conn, cookie, "another secret, as long", NOW) is None
    assert sessions.find(conn, cookie, secret, NOW) is not None  # and nobody was logged out by trying


def test_without_a_secret_one_is_kept_so_that_a_restart_logs_nobody_out(conn, lan):
    cookie = enter(conn, lan, secret="")
    assert sessions.find(conn, cookie, "", NOW).name == "Lan"
    assert conn.execute("SELECT count(*) FROM kept_secret").fetchone() == (1,)


def test_a_session_ends_after_a_shift_without_use_and_after_a_week_with_it(conn, lan):
    idle = enter(conn, lan)
    assert sessions.find(conn, idle, SECRET, NOW + 12 * HOUR) is not None
    assert sessions.find(conn, idle, SECRET, NOW + 24 * HOUR + MINUTE) is None
    cookie, now = enter(conn, lan), NOW
    while now < NOW + 7 * 24 * HOUR:
        holder = sessions.find(conn, cookie, SECRET, now)
        assert holder is not None
        cookie, now = holder.renewed or cookie, now + 11 * HOUR
    assert sessions.find(conn, cookie, SECRET, NOW + 7 * 24 * HOUR) is None


def test_a_cookie_is_turned_after_a_quarter_of_an_hour_for_one_request_only(conn, lan):
    old, later = enter(conn, lan), NOW + 16 * MINUTE
    assert sessions.find(conn, old, SECRET, NOW + 14 * MINUTE).renewed == ""
    new = sessions.find(conn, old, SECRET, later).renewed
    assert new not in {"", old}
    assert sessions.find(conn, old, SECRET, later).renewed == ""  # a second request under way
    assert sessions.find(conn, new, SECRET, later).name == "Lan"
    assert sessions.find(conn, old, SECRET, later + MINUTE).name == "Lan"  # under way for a minute


def test_a_new_value_whose_answer_was_lost_is_offered_again(conn, lan):
    old, later = enter(conn, lan), NOW + 16 * MINUTE
    lost = sessions.find(conn, old, SECRET, later).renewed
    again = sessions.find(conn, old, SECRET, later + MINUTE).renewed
    assert again not in {"", lost}
    assert sessions.find(conn, again, SECRET, later + MINUTE).name == "Lan"


def test_an_old_value_shown_after_the_grace_ends_the_session_for_the_thief_and_the_owner(conn, lan):
    old, later = enter(conn, lan), NOW + 16 * MINUTE
    new = sessions.find(conn, old, SECRET, later).renewed
    sessions.find(conn, new, SECRET, later)
    assert sessions.find(conn, old, SECRET, later + 2 * MINUTE) is None
    assert sessions.find(conn, new, SECRET, later + 2 * MINUTE) is None
    assert deeds(conn)[-1] == "session.copied"


def test_a_connection_that_stays_open_asks_by_the_session_not_by_a_cookie_that_was_turned(conn, lan):
    old, later = enter(conn, lan), NOW + 16 * MINUTE
    first = sessions.find(conn, old, SECRET, later)
    sessions.find(conn, first.renewed, SECRET, later)
    assert sessions.alive(conn, first.session, later + HOUR).name == "Lan"
    sessions.close(conn, first.renewed)
    assert sessions.alive(conn, first.session, later + HOUR) is None


def test_logging_out_ends_one_session_and_a_person_can_end_the_others(conn, lan):
    one, two, three = (enter(conn, lan) for _ in range(3))
    sessions.close(conn, one)
    assert sessions.find(conn, one, SECRET, NOW) is None
    held = sessions.find(conn, two, SECRET, NOW).session
    assert sorted(s.handle == keys.kept(held).hex() for s in sessions.of_person(conn, lan.id, NOW)) == [False, True]
    assert sessions.close_all(conn, lan.id, keep=held) == 1
    assert sessions.find(conn, two, SECRET, NOW) is not None
    assert sessions.find(conn, three, SECRET, NOW) is None


def test_a_changed_role_counts_at_the_next_look(conn, lan):
    cookie = enter(conn, lan)
    people.change(conn, WHO, lan, role=Role.VIEWER)
    assert sessions.find(conn, cookie, SECRET, NOW).role is Role.VIEWER


def test_a_changed_password_ends_all_sessions_but_the_one_it_was_changed_in_and_links(conn, lan):
    mine, other = enter(conn, lan), enter(conn, lan)
    secret = people.link(conn, WHO, lan, NOW)
    held = sessions.find(conn, mine, SECRET, NOW).session
    people.set_password(conn, WHO, lan, "hash", NOW, keep=held)
    assert sessions.find(conn, mine, SECRET, NOW) is not None
    assert sessions.find(conn, other, SECRET, NOW) is None
    assert people.link_leads_to(conn, secret, NOW) is None


def test_a_disabled_account_is_out_at_once_and_cannot_come_back_by_any_way(conn, lan):
    cookie, secret = enter(conn, lan), people.link(conn, WHO, lan, NOW)
    people.disable(conn, WHO, lan, NOW)
    assert sessions.find(conn, cookie, SECRET, NOW) is None
    assert people.use_link(conn, secret, NOW) is None
    with pytest.raises(AccessError, match="disabled"):
        enter(conn, lan)
    people.enable(conn, WHO, lan)
    assert sessions.find(conn, cookie, SECRET, NOW) is None  # the old one stays ended
    enter(conn, lan)


def test_a_thousand_log_ins_of_one_person_keep_few_sessions(conn, lan):
    for second in range(40):
        enter(conn, lan, NOW + timedelta(seconds=second))
    assert conn.execute("SELECT count(*) FROM session").fetchone() == (30,)


# Links


def test_a_link_lets_in_once_and_looking_does_not_burn_it(conn, lan):
    secret = people.link(conn, WHO, lan, NOW)
    assert (
        people.link_leads_to(conn, secret, NOW) == people.link_leads_to(conn, secret, NOW) == people.by_id(conn, lan.id)
    )
    assert people.use_link(conn, secret, NOW).id == lan.id
    assert people.use_link(conn, secret, NOW) is None
    assert people.link_leads_to(conn, secret, NOW) is None


def test_a_link_holds_for_a_day_until_the_next_one_is_made(conn, lan):
    secret = people.link(conn, WHO, lan, NOW)
    assert people.link_leads_to(conn, secret, NOW + 24 * HOUR) is None
    assert people.link_leads_to(conn, secret, NOW + 23 * HOUR) is not None
    people.link(conn, WHO, lan, NOW)
    assert people.use_link(conn, secret, NOW) is None
    assert people.use_link(conn, "x" * 5000, NOW) is None


# Accounts


def test_names_are_the_same_in_any_case_and_form_and_an_address_logs_in_too(conn, lan):
    for name in ("lan", "LAN", "\uff2c\uff41\uff4e", "Lan@Example.org"):
        assert people.find(conn, name).id == lan.id
    for name in ("", "lan\0", "l" * 1000, "lan' OR '1'='1", "\ud800"):
        assert people.find(conn, name) is None
    with pytest.raises(AccessError, match="already"):
        people.add(conn, WHO, New(name="LAN", role=Role.VIEWER))
    with pytest.raises(AccessError, match="address"):
        people.add(conn, WHO, New(name="other", role=Role.VIEWER, address="LAN@example.org"))


@pytest.mark.parametrize(
    "name", ["", " ", "a\nb", "a\r\nSet-Cookie: x", "a\0", "x" * 81, " a", "a  b", "\u202eadmin", "-x", "a\u200bb"]
)
def test_a_name_that_cannot_be_seen_as_it_is_is_refused(conn, name):
    with pytest.raises(AccessError):
        people.add(conn, WHO, New(name=name, role=Role.VIEWER))


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", "Nguyễn Thị Hồng Nhung", "ສົມພອນ", "O'Brien; DROP TABLE"])
def test_any_name_that_can_be_seen_is_kept_as_it_is(conn, name):
    assert people.add(conn, WHO, New(name=name, role=Role.VIEWER)).name == name


@pytest.mark.parametrize("address", ["x", "a@", "@b", "a b@c", "a@b\nBcc: c@d", "<a@b>", "a@b,c@d", '"a"@b'])
def test_what_cannot_be_an_address_is_refused(conn, address):
    with pytest.raises(AccessError):
        people.add(conn, WHO, New(name="a", role=Role.VIEWER, address=address))


def test_the_last_administrator_stays_one(conn, boss, lan):
    for way in (
        lambda: people.change(conn, WHO, boss, role=Role.MANAGER),
        lambda: people.disable(conn, WHO, boss, NOW),
        lambda: people.remove(conn, WHO, boss),
    ):
        with pytest.raises(AccessError, match="last administrator"):
            way()
    people.change(conn, WHO, lan, role=Role.ADMINISTRATOR)
    people.disable(conn, WHO, boss, NOW)
    with pytest.raises(AccessError, match="last administrator"):
        people.disable(conn, WHO, people.by_id(conn, lan.id), NOW)


def test_a_removed_account_is_gone_and_its_deeds_are_kept(conn, lan):
    enter(conn, lan)
    people.remove(conn, WHO, lan)
    assert people.find(conn, "Lan") is None
    assert {"person.add", "login.done", "person.remove"} <= set(deeds(conn))


def test_a_change_says_what_it_was_before_and_after_and_never_a_hash(conn, lan):
    people.change(conn, WHO, lan, role=Role.MANAGER, feeds=("air",))
    people.set_password(conn, WHO, lan, "$argon2id$secret", NOW)
    deeds(conn)
    before, after = conn.execute("SELECT before, after FROM audit WHERE deed = 'person.change'").fetchone()
    assert (before, after) == ({"role": "operator", "feeds": []}, {"role": "manager", "feeds": ["air"]})
    assert "argon2" not in str(conn.execute("SELECT * FROM audit").fetchall())


def test_whoever_a_provider_names_gets_one_account_kept_up_to_date(conn, boss):
    one = people.from_provider(conn, "https://id", "42", "Lan", "lan@example.org", Role.OPERATOR)
    two = people.from_provider(conn, "https://id", "42", "Lan Anh", "", Role.MANAGER)
    assert (two.id, two.name, two.role, two.address) == (one.id, "Lan Anh", Role.MANAGER, "")
    assert people.from_provider(conn, "https://other", "42", "Lan", "", Role.VIEWER).id != one.id


def test_a_provider_cannot_pass_somebody_off_as_another_account(conn, boss):
    fake = people.from_provider(conn, "https://id", "7", "Boss", "boss@example.org\r\nBcc: x", Role.VIEWER)
    assert (fake.name, fake.address, fake.id != boss.id) == ("Boss (2)", "", True)
    assert people.from_provider(conn, "https://id", "7", "Boss", "", Role.VIEWER).name == "Boss (2)"
    odd = people.from_provider(conn, "https://id", "8", "\r\n-\u202e" + "n" * 500, "", Role.VIEWER)
    assert odd.name == "n" * 79


# Logging in

GOOD = "chín con cá tra dưới cầu"


@pytest.fixture
def known(conn, lan):
    people.set_password(conn, WHO, lan, passwords.hashed(GOOD), NOW)
    return people.by_id(conn, lan.id)


def test_only_the_right_password_of_an_active_account_is_right(conn, known):
    assert entering.password(conn, "LAN", GOOD, NOW).outcome == "right"
    assert entering.password(conn, "lan", GOOD + "x", NOW) == ("wrong", known, 0)
    assert entering.password(conn, "nobody", GOOD, NOW) == ("wrong", None, 0)
    assert entering.password(conn, "boss", "", NOW).outcome == "wrong"  # has none
    people.disable(conn, WHO, known, NOW)
    assert entering.password(conn, "lan", GOOD, NOW).outcome == "wrong"


def test_a_name_nobody_has_takes_as_long_as_one_somebody_has(conn, lan, monkeypatch):
    monkeypatch.setattr(passwords, "_HASHER", argon2.PasswordHasher())
    people.set_password(conn, WHO, lan, passwords.hashed(GOOD), NOW)

    def seconds(name):
        began = time.process_time()
        entering.password(conn, name, "wrong one", NOW)
        return time.process_time() - began

    seconds("lan")
    assert min(seconds("nobody") for _ in range(3)) > 0.5 * min(seconds("lan") for _ in range(3))


def test_wrong_attempts_close_the_account_for_longer_each_time_but_not_to_its_own_machine(conn, known):
    mark = entering.remembered(conn, SECRET, known)
    assert [entering.failed(conn, known, "203.0.113.9", NOW) for _ in range(7)] == [0, 0, 0, 0, 5, 10, 20]
    shut = entering.password(conn, "lan", GOOD, NOW + timedelta(seconds=19))
    assert (shut.outcome, shut.wait) == ("locked", 1)
    assert entering.recognised(conn, SECRET, mark + "x") is None
    mine = entering.recognised(conn, SECRET, mark)
    assert entering.password(conn, "lan", GOOD, NOW, known=mine).outcome == "right"
    assert entering.password(conn, "lan", GOOD, NOW + timedelta(seconds=20)).outcome == "right"
    entering.passed(conn, known)
    assert entering.failed(conn, known, "203.0.113.9", NOW) == 0
    assert {"login.refused", "login.locked"} <= set(deeds(conn))


def test_wrong_attempts_of_yesterday_are_forgotten(conn, known):
    for _ in range(10):
        entering.failed(conn, known, "", NOW)
    assert entering.failed(conn, known, "", NOW + 25 * HOUR) == 0


def test_what_was_typed_as_a_name_is_noted_only_if_it_is_one(conn, known):
    entering.failed(conn, None, "203.0.113.9", NOW)
    deeds(conn)
    assert conn.execute("SELECT subject, address FROM audit WHERE deed = 'login.refused'").fetchall() == [
        ("(no such account)", "203.0.113.9")
    ]


def test_a_password_hashed_with_less_is_hashed_anew_when_it_is_used(conn, known):
    weak = argon2.PasswordHasher(time_cost=1, memory_cost=8192, parallelism=1).hash(GOOD)
    people.set_password(conn, WHO, known, weak, NOW)
    assert entering.password(conn, "lan", GOOD, NOW).outcome == "right"
    assert not passwords.outdated(people.by_id(conn, known.id).password)
    assert entering.password(conn, "lan", GOOD, NOW).outcome == "right"


@pytest.fixture
def coded(conn, known):
    seed = codes.seed()
    spare = entering.set_codes(conn, WHO, SECRET, known, seed, 0)
    return people.by_id(conn, known.id), pyotp.TOTP(seed), spare


def test_a_code_and_a_recovery_code_are_good_once(conn, coded):
    lan, clock, spare = coded
    code = clock.at(NOW)
    assert entering.code(conn, SECRET, lan, code, NOW) == "code"
    assert entering.code(conn, SECRET, lan, code, NOW) == ""  # also where two requests read the same row before
    assert entering.code(conn, SECRET, people.by_id(conn, lan.id), clock.at(NOW - timedelta(seconds=30)), NOW) == ""
    assert entering.code(conn, SECRET, lan, spare[3].upper(), NOW) == "recovery"
    assert entering.code(conn, SECRET, lan, spare[3], NOW) == ""
    assert people.by_id(conn, lan.id).recovery == 7


def test_the_seed_stands_nowhere_in_the_store_and_means_nothing_with_another_secret(conn, coded):
    lan, clock, spare = coded
    row = str(conn.execute("SELECT *, encode(totp, 'escape') FROM person").fetchall())
    assert clock.secret not in row
    assert not [one for one in spare if one in row or one.replace("-", "") in row]
    assert entering.code(conn, "another secret, as long", lan, clock.at(NOW), NOW) == ""
    assert entering.code(conn, "another secret, as long", lan, spare[0], NOW) == "recovery"  # the way out


def test_a_right_password_counts_for_five_minutes_until_it_is_changed_and_only_as_we_said_it(conn, coded):
    lan, *_ = coded
    half = entering.half(conn, SECRET, lan, NOW)
    assert entering.halfway(conn, SECRET, half, NOW + 4 * MINUTE).id == lan.id
    assert entering.halfway(conn, SECRET, half, NOW + 5 * MINUTE) is None
    for forged in ("", ".", "1.2.3", half[:-1], half.replace(str(lan.id), "1", 1), "ợ" * 100):
        assert entering.halfway(conn, SECRET, forged, NOW) is None
    assert entering.halfway(conn, "another secret, as long", half, NOW) is None
    people.set_password(conn, WHO, lan, passwords.hashed("another " + GOOD), NOW)
    assert entering.halfway(conn, SECRET, half, NOW) is None


def test_what_is_signed_for_one_purpose_is_nothing_for_another(conn, coded):
    lan, *_ = coded
    half, mark = entering.half(conn, SECRET, lan, NOW), entering.remembered(conn, SECRET, lan)
    assert entering.recognised(conn, SECRET, half) is None
    assert entering.halfway(conn, SECRET, mark, NOW) is None


def test_the_first_account_comes_from_the_settings_once_and_only_with_a_good_password(conn):
    with pytest.raises(passwords.WeakPasswordError):
        entering.first_account(conn, "admin12345678")
    assert not people.exist(conn)
    assert entering.first_account(conn, GOOD).role is Role.ADMINISTRATOR
    assert entering.first_account(conn, "another " + GOOD) is None
    assert entering.password(conn, "admin", GOOD, NOW).outcome == "right"


def test_there_is_always_somebody_in_charge(conn):
    assert entering.somebody_in_charge(conn) == entering.somebody_in_charge(conn)
    lone = people.first(conn)
    people.from_provider(conn, "https://id", "1", "Lan", "", Role.ADMINISTRATOR)
    people.disable(conn, WHO, lone, NOW)
    assert entering.somebody_in_charge(conn).name == "Lan"
