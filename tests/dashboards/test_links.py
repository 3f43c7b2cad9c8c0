"""Links in mails: they act without a login, only as signed, only for their episode, and only when somebody presses."""

from __future__ import annotations

import urllib.parse
import uuid
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from psycopg.types.json import Json

from dashboards.limit import Limit
from ioc.signing import LinkError, LinkExpiredError, Links
from ioc.store import database
from tests.alerts import city
from tests.dashboards.conftest import Screens

SECRET = "a-secret-of-the-tests"
LATER = datetime.now(UTC) + timedelta(days=1)
LONG = "Trạm quan trắc mực nước và độ mặn tự động cửa Trần Đề - Ban Chỉ huy phòng thủ dân sự"


@pytest.fixture(scope="module")
def own_url(postgres):
    """A database without a city's data: only what these tests put there."""
    admin, name = postgres.url[: -len("/ioc")] + "/postgres", f"links_{uuid.uuid4().hex[:8]}"
    with psycopg.connect(admin, autocommit=True) as conn:
        conn.execute(f"CREATE DATABASE {name} TEMPLATE ioc")
    yield postgres.url[: -len("/ioc")] + f"/{name}"
    with psycopg.connect(admin, autocommit=True) as conn:
        conn.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


@pytest.fixture(scope="module")
def served(own_url, tmp_path_factory):
    started = Screens(own_url, tmp_path_factory.mktemp("links") / "log", IOC_AUTH="", IOC_SECRET=SECRET)
    yield started.start()
    started.stop()


@pytest.fixture
def town(own_url):
    with database.connect(own_url, autocommit=True) as conn:
        yield Town(conn)


class Town:
    """A contact and an open alarm of its own in the city of all these tests."""

    count = 0

    def __init__(self, conn):
        Town.count += 1
        self.conn, key = conn, f"links-{Town.count}"
        self.contact = city.add_contact(conn, key, language="vi")
        self.name = key.title()
        rule = city.add_rule(conn, key=key, name={"vi": "Nước dâng cao", "en": "High water"}, options={"above": 50},
                             action={"vi": "Đóng cống", "en": "Close the gate"}, priority="critical")  # fmt: skip
        series = city.add_series(conn, key)
        conn.execute("UPDATE sensor SET name = %s WHERE key = %s", (Json({"": LONG}), key))
        self.alarm = conn.execute(
            """INSERT INTO alarm (rule_id, rule_version, target, series_id, sensor_id, priority, value, threshold, event_start, opened_at)
               VALUES (%s, 1, %s, %s, (SELECT sensor_id FROM series WHERE id = %s), 1, 60, 50, now(), now()) RETURNING id""",
            (rule, f"series:{series}", series, series),
        ).fetchone()[0]

    def link(self, episode=0, contact=None, alarms=None):
        alarms = alarms or [(self.alarm, episode)]
        return "/a/" + Links(SECRET).acknowledge(contact or self.contact, alarms, LATER)

    @property
    def acked(self):
        return self.conn.execute("SELECT acked_by FROM alarm WHERE id = %s", (self.alarm,)).fetchone()[0]


def press(served, path, **form):
    """As a phone does, or a mail program: no session, no Origin."""
    return served.get(path, data=urllib.parse.urlencode(form).encode())


def test_a_look_shows_everything_and_changes_nothing(served, town):
    for _ in range(2):  # scanners open links more than once
        status, headers, body = served.get(town.link())
        text = body.decode()
        assert status == 200
        assert all(said in text for said in ("Nước dâng cao", LONG, "60,00 m", "50,00 m", "Đóng cống", town.name))
        assert '<html lang="vi">' in text
    assert town.acked is None
    assert "script" not in headers["content-security-policy"]
    assert headers["content-security-policy"].startswith("default-src 'none'; style-src 'sha256-")
    assert headers["cache-control"] == "no-store"


def test_a_press_acknowledges_with_name_and_note_and_twice_is_once(served, town):
    status, _, body = press(served, town.link(), note="đang tới\r\nnơi <b>")
    assert status == 200
    assert "Cảm ơn" in body.decode()
    assert "<b>" not in body.decode()
    assert town.acked == f"{town.name} (by link in a mail)"
    status, _, body = press(served, town.link())
    assert status == 409
    assert "đã xác nhận" in body.decode()
    rows = town.conn.execute(
        "SELECT actor, note FROM alarm_change WHERE alarm_id = %s AND kind = 'acked'", (town.alarm,)
    )
    assert rows.fetchall() == [(f"{town.name} (by link in a mail)", "đang tới nơi <b>")]


def test_an_old_link_never_touches_a_later_episode(served, town):
    town.conn.execute("UPDATE alarm SET reopened = 1 WHERE id = %s", (town.alarm,))
    status, _, body = press(served, town.link(episode=0))
    assert status == 409
    assert "tái diễn" in body.decode()
    assert town.acked is None


def test_what_is_over_is_said_to_be(served, town):
    town.conn.execute("UPDATE alarm SET condition = 'false', cleared_at = now() WHERE id = %s", (town.alarm,))
    assert "Đã hết" in served.get(town.link())[2].decode()
    assert press(served, town.link())[0] == 409
    assert town.acked is None


def test_several_at_once(served, town):
    other = Town(town.conn)
    status, _, _ = press(served, town.link(alarms=[(town.alarm, 0), (other.alarm, 3)]))
    assert status == 200
    assert (town.acked is not None, other.acked) == (True, None)


def test_an_expired_link_and_one_of_somebody_who_left_do_nothing(served, town):
    old = Links(SECRET).acknowledge(town.contact, [(town.alarm, 0)], datetime.now(UTC) - timedelta(seconds=1))
    assert press(served, f"/a/{old}")[0] == 410
    town.conn.execute("UPDATE contact SET state = 'removed' WHERE id = %s", (town.contact,))
    assert press(served, town.link())[0] == 410
    assert town.acked is None


def test_what_nobody_signed_is_refused_alike_and_slowed_down(served, town):
    """Whether alarm, contact or purpose exist must not show."""
    good = town.link()
    stranger = Links("another-secret-of-16").acknowledge(town.contact, [(town.alarm, 0)], LATER)
    purpose = Links(SECRET).unsubscribe(town.contact, "brief", LATER)
    forged = [good[:-2] + "xx", f"/a/{stranger}", f"/a/{purpose}", "/a/x", good + "A" * 3000]
    answers = [press(served, path) for path in forged]
    assert {status for status, _, _ in answers} == {404}
    assert len({body for _, _, body in answers}) == 1
    assert town.acked is None
    assert 429 in {served.get("/a/guess")[0] for _ in range(20)}


def test_a_reader_stops_a_digest_with_one_click_and_gets_it_back(served, town):
    path = "/u/" + Links(SECRET).unsubscribe(town.contact, "brief", LATER)
    stopped = "SELECT kind FROM unsubscribed WHERE contact_id = %s"
    assert "Bản tin buổi sáng" in served.get(path)[2].decode()
    assert town.conn.execute(stopped, (town.contact,)).fetchall() == []
    assert press(served, path, **{"List-Unsubscribe": "One-Click"})[0] == 200
    assert town.conn.execute(stopped, (town.contact,)).fetchall() == [("brief",)]
    press(served, path, again="1")
    assert town.conn.execute(stopped, (town.contact,)).fetchall() == []


def test_links_are_opened_only_as_they_were_signed():
    links, now = Links(SECRET), datetime(2026, 3, 1, tzinfo=UTC)
    token = links.acknowledge(7, [(1, 0), (2, 5)], now + timedelta(hours=1))
    assert links.acknowledged(token, now) == (7, ((1, 0), (2, 5)))
    with pytest.raises(LinkExpiredError):
        links.acknowledged(token, now + timedelta(hours=1))
    for wrong in ("", token[:-1], token.replace(token[3], "_", 1), "x" * 5000):
        with pytest.raises(LinkError):
            links.acknowledged(wrong, now)
    with pytest.raises(LinkError):
        links.unsubscribed(token, now)
    with pytest.raises(LinkError):
        Links("").acknowledged(token, now)


def test_a_bucket_empties_and_fills_and_forgets_the_oldest():
    limit = Limit(most=2, per_minute=60, keys=2)
    assert [limit.allows("a", 0.0) for _ in range(3)] == [True, True, False]
    assert limit.allows("a", 1.0)
    for key in "bcd":
        limit.allows(key, 1.0)
    assert len(limit._left) == 2
