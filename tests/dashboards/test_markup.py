"""Hostile text in everything that somebody outside can set, on every page: it is shown, and nothing of it happens."""

from __future__ import annotations

import csv
import io
import json
import shutil
import time
import uuid
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from urllib.parse import quote

import psycopg
import pytest

from ioc import plugins
from ioc.access.holder import Who
from ioc.access.rights import Role
from ioc.store import audit, database, displays, people, sessions, tokens
from tests import services
from tests.dashboards import accounts, seed
from tests.dashboards.conftest import Screens, Window

pytestmark = pytest.mark.chromium
EVIL = (
    '=HYPERLINK("http://evil.example/x","y")<img src=x onerror="window.hacked=1"><script>window.hacked=2</script>'
    "<svg onload=window.hacked=3>{{7*7}}${7*7}[k](javascript:window.hacked=4)'\"--></style></textarea></script>"
    "<a href=javascript:window.hacked=5>url(http://evil.example/c)\u202egnp.exe\u2028\r\nSet-Cookie: evil=1\r\n\r\n</TITLE>%0d%0aX-Evil:1"
)
SHORT = "<img src=x onerror=window.hacked=6>"
LINK = "javascript:window.hacked=7"
SHOWN = "onerror"  # what proves that the text is there


def named(text=EVIL):
    return json.dumps({"": text, "en": text, "vi": text})


@pytest.fixture(scope="module")
def place(postgres, tmp_path_factory):
    """(database, city folder): a city whose every text is hostile."""
    name, server = f"markup_{uuid.uuid4().hex[:8]}", postgres.url[: -len("/ioc")]
    folder = tmp_path_factory.mktemp("city") / "c"
    shutil.copytree(seed.CITY, folder)
    city = (folder / "city.toml").read_text(encoding="utf-8")
    mine = json.dumps(EVIL.replace("\r\n", " ").replace("\u2028", " ").replace("\u202e", " "))
    lines = [f"{line.split('=')[0]}= {{ vi = {mine}, en = {mine} }}" if line.startswith(("title =", "name =")) else line
             for line in city.splitlines()]  # fmt: skip
    (folder / "city.toml").write_text("\n".join(lines), encoding="utf-8")
    (folder / "scenes" / "water.toml").write_text(
        f'title = {{ vi = {mine} }}\ndomains = ["air"]\nrotate_after = "45s"\ncolumns = 4\nrows = 4\n[[widget]]\nkind = "text"\nat = [1, 1, 2, 4]\n'
        f'options = {{ text = {{ vi = {mine} }} }}\n[[widget]]\nkind = "alarms"\nat = [3, 1, 2, 4]\ntitle = {{ vi = {mine} }}\n', encoding="utf-8")  # fmt: skip
    with psycopg.connect(server + "/postgres", autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name} TEMPLATE ioc")
        yield f"{server}/{name}", folder
        admin.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


@pytest.fixture(scope="module")
def filled(place):
    """What a sensor, a citizen, an integrator and an account can say, all hostile; the numbers of what was made."""
    with database.connect(place[0], autocommit=True) as conn:
        seed.sync(conn, place[1])
        made = {**data(conn), **persons(conn)}
        seed.notify(conn, registry=True)
        yield made


def one(conn, statement, *values):
    return conn.execute(statement, values).fetchone()[0]


def data(conn) -> dict:
    feed = one(
        conn,
        "INSERT INTO feed (key, name, owner, topics) VALUES ('evil', %s, %s, %s) RETURNING id",
        named(),
        EVIL,
        [EVIL],
    )
    sensor = one(conn, "INSERT INTO sensor (key, name, domain, feed_id, lat, lon, properties) VALUES (%s, %s, 'air', %s, 9.6, 105.97, %s) RETURNING id",
                 EVIL, named(), feed, json.dumps({EVIL: EVIL, "url": LINK, "image": LINK}))  # fmt: skip
    conn.execute("INSERT INTO metric (key, name, unit) VALUES ('evil', %s, %s)", [named(), SHORT])
    series = one(
        conn, "INSERT INTO series (sensor_id, metric, feed_id) VALUES (%s, 'evil', %s) RETURNING id", sensor, feed
    )
    for n in range(5, -1, -1):
        seed.put(conn, [(series, time.time() - n, n)])
    event = one(conn, """INSERT INTO event (feed_id, key, kind, title, status, severity, opened_at, changed_at, lat, lon, properties)
        VALUES (%s, %s, %s, %s, 'open', 3, now(), now(), 9.6, 105.9, %s) RETURNING id""", feed, EVIL, SHORT, EVIL, json.dumps({EVIL: EVIL, "url": LINK}))  # fmt: skip
    conn.execute(
        "INSERT INTO event_change VALUES (%s, now(), 'open', 3, %s, %s)", [event, EVIL, json.dumps({SHORT: SHORT})]
    )
    conn.execute("INSERT INTO quarantine (feed_id, received_at, topic, payload, size, reason, detail) VALUES (%s, now(), %s, %s, 9, 'not_json', %s)",
                 [feed, EVIL, EVIL.encode(), EVIL])  # fmt: skip
    conn.execute(
        "INSERT INTO quality (series_id, kind, since, last, count, detail) VALUES (%s, 'stuck', now(), now(), 1, %s)",
        [series, EVIL],
    )
    rule = seed.rule(conn, "evil", EVIL, 1, action={"": EVIL}, cause={"": EVIL}, runbook=LINK)
    conn.execute("INSERT INTO rule_target (rule_id, series_id, raise) VALUES (%s, %s, 1.5)", [rule, series])
    alarm = seed.alarm(conn, rule, series=series, sensor=sensor, priority=1, value=2.0, domain="air")
    conn.execute("UPDATE alarm SET acked_at = now(), acked_by = %s, ack_note = %s, suppression = 'shelved', suppressed_by = %s, suppress_reason = %s, suppressed_until = now() + interval '1 h', assigned_by = %s WHERE id = %s",
                 [SHORT, EVIL, SHORT, EVIL, SHORT, alarm])  # fmt: skip
    conn.execute(
        "INSERT INTO alarm_change (alarm_id, seq, kind, actor, note) VALUES (%s, 2, 'comment', %s, %s)",
        [alarm, EVIL, EVIL],
    )
    seed.alarm(
        conn,
        seed.rule(conn, "evil-2", EVIL, 2, action={"": EVIL}),
        series=series,
        sensor=sensor,
        priority=1,
        value=3.0,
        domain="air",
    )
    proposal = one(conn, "INSERT INTO proposal (key, topics, format, toml, confidence, outcome, reasons, samples, messages) VALUES (%s, %s, 'json', %s, 0.9, %s, %s, %s, 3) RETURNING id",
                   SHORT, [EVIL], f'name = "x" # {SHORT}', EVIL, json.dumps([{"what": SHORT, "said": EVIL, "sure": 0.9, "why": EVIL}]),
                   json.dumps([{"topic": EVIL, "payload": EVIL}]))  # fmt: skip
    conn.execute(
        "INSERT INTO maintenance (starts, ends, reason, created_by, sensors) VALUES (now(), now() + interval '1 h', %s, %s, %s)",
        [EVIL, SHORT, [EVIL]],
    )
    conn.execute("INSERT INTO process VALUES (%s, now(), now(), %s, '{}') ON CONFLICT DO NOTHING", [SHORT, SHORT])
    return {"sensor": sensor, "series": series, "alarm": alarm, "proposal": proposal, "mail": mail(conn, alarm)}


def mail(conn, alarm: int) -> str:
    mime = EmailMessage()
    mime["Subject"] = SHORT
    mime.set_content(EVIL)
    mime.add_alternative(
        f"<h1>{SHORT}</h1><script>window.hacked=8; parent.hacked=8</script><img src=http://evil.example/p>",
        subtype="html",
    )
    contact = one(conn, "INSERT INTO contact (key, name, email) VALUES ('evil', %s, 'a@b.example') RETURNING id", SHORT)
    return str(one(conn, """INSERT INTO outbox (id, contact_id, email, thread_key, seq, priority, message_id, subject, mime, alarms, state, due_at, attempts, last_reply)
        VALUES (gen_random_uuid(), %s, %s, 'a', 1, 1, '<1@x>', %s, %s, %s, 'failed', now(), 1, %s) RETURNING id""", contact, SHORT, EVIL, mime.as_bytes(), [alarm], EVIL))  # fmt: skip


def persons(conn) -> dict:
    """An administrator whose own name is hostile, a token, a screen, and what strangers typed at the door."""
    name = SHORT + uuid.uuid4().hex[:4]
    with conn.transaction():
        admin = people.add(conn, accounts.TEST, people.New(name=name, role=Role.ADMINISTRATOR))
        cookie = sessions.open_(conn, admin.id, accounts.SECRET, "127.0.0.1", "password", datetime.now(UTC))
    tokens.add(conn, SHORT, ["read"], who=Who(SHORT, "administrator", SHORT))
    code, secret = displays.ask(conn, "127.0.0.1")
    displays.approve(conn, accounts.TEST, SHORT, code=code, scenes=())
    displays.ask(conn, "127.0.0.1", "/wall/" + "x" * 30)
    audit.note(
        conn, Who(EVIL, SHORT, SHORT), "login.refused", f"person:{EVIL}", before={EVIL: EVIL}, after={"why": EVIL}
    )
    return {"person": admin.id, "cookie": cookie, "screen": secret, "name": name}


@pytest.fixture(scope="module")
def served(place, filled, tmp_path_factory):
    one = Screens(
        place[0], tmp_path_factory.mktemp("markup") / "log", place[1], IOC_AUTH="", IOC_SECRET=accounts.SECRET
    ).start()
    yield one
    one.stop()


def addresses(made) -> list[str]:
    """Every page of the desk, and others, with what is hostile chosen; the text itself in what an address may carry."""
    examples = {
        "alarm": made["alarm"],
        "feed": "evil",
        "proposal": made["proposal"],
        "mail_id": made["mail"],
        "key": "evil",
        "number": made["person"],
    }
    paths = [
        path for name in plugins.names("dashboards.pages") for path in plugins.load("dashboards.pages", name).PATHS
    ]
    paths.remove("/sensor")
    found = [
        path.partition("<")[0] + (str(examples[path.partition("<")[2][:-1]]) if "<" in path else "") for path in paths
    ]
    text = quote(EVIL)
    return [*found, f"/sensor?key={text}", f"/areas?key={text}", f"/alarms?text={text}&domain={text}", f"/sensors?text={text}", f"/nowhere/{quote(SHORT)}",
            f"/?sensor={text}", f"/explore?series={made['series']}", "/wall", "/wall/water", f"/wall/{quote(SHORT)}", "/account",
            f"/a/{quote(SHORT)}"]  # fmt: skip


NOTHING = "[window.hacked, document.querySelectorAll('img[src=x], a[href^=\"javascript\" i], [onerror], svg[onload]').length, document.cookie.includes('evil')]"


@pytest.fixture
def window(browser, served, filled):
    found = Window(browser, served, 800, 500)
    found.context.add_cookies([{"name": "ioc_session", "value": filled["cookie"], "url": served.url}])
    yield found
    found.close()


MUST = {"/alarms", "/feeds", "/feeds/evil", "/events", "/sensor", "/sensors", "/shelf", "/rules", "/rules/evil", "/mailbox", "/quality", "/audit",
        "/people", "/displays", "/", "/wall", "/wall/water"}  # fmt: skip


def harmless(fault: str, path: str) -> bool:
    """What a browser says of a page that is not there, and of what a mail's sandboxed frame refused."""
    refused = "evil.example" in fault or "is sandboxed" in fault or '"img-src data:"' in fault
    return "status of 4" in fault or (path.startswith("/mailbox/") and refused)


def test_no_page_runs_what_a_stranger_wrote(window, filled):
    wrong, must = [], MUST | {f"/alarms/{filled['alarm']}", f"/new-feeds/{filled['proposal']}"}
    for path in addresses(filled):
        desk = not path.startswith(("/wall", "/account", "/a/"))
        there = (
            "document.querySelector('#content h1, #content h2, #content .page-body')"
            if desk
            else "document.body && document.body.children.length"
        )
        page = window.open(path, there)
        if path.partition("?")[0] in must:
            window.until(f"document.body.textContent.includes('{SHOWN}')")
        if (state := page.evaluate(NOTHING)) != [None, 0, False]:
            wrong.append((path, state))
        wrong += [(path, frame.url) for frame in page.frames[1:] if frame.evaluate("window.hacked") is not None]
        wrong += [(path, fault) for fault in window.faults if not harmless(fault, path)]
        window.faults.clear()
    assert wrong == []


def test_the_door_writes_back_what_was_typed_as_text(window, served, filled):
    window.context.clear_cookies()
    for path in (f"/login?next={quote(EVIL)}", f"/pair?next={quote('/wall/' + SHORT)}", f"/first/{quote(SHORT)}"):
        page = window.open(path, "document.body.children.length")
        assert page.evaluate(NOTHING) == [None, 0, False], path
    page = window.open(f"/login?next={quote(SHORT)}", "document.querySelector('input[name=name]')")
    page.locator("input[name=name]").fill(SHORT)
    page.locator("input[name=password]").fill("wrong")
    page.keyboard.press("Enter")
    window.until("document.querySelector('[role=alert]')")
    assert page.evaluate(NOTHING) == [None, 0, False]
    assert page.locator("input[name=name]").input_value() == SHORT
    assert [f for f in window.faults if "status of 4" not in f] == []


def test_what_watches_for_markup_would_see_it(window):
    page = window.open("/status", "document.querySelector('#content h1')")
    page.evaluate("text => { document.querySelector('#content').innerHTML = text; }", EVIL)
    assert page.evaluate(NOTHING)[1] > 0
    services.wait_for(lambda: window.faults or page.evaluate("1") == 0, "the policy refuses the handler, and says so")
    assert page.evaluate("window.hacked") is None  # the policy holds even then
    window.faults.clear()


def test_no_answer_carries_a_header_that_was_sent_in(served, filled):
    cookie, line = {"Cookie": f"ioc_session={filled['cookie']}"}, quote("x\r\nSet-Cookie: evil=1\r\nX-Evil: 1")
    for path in (f"/language/vi?next=/{line}", f"/login?next=/{line}", f"/export?what=readings&sensor={line}", f"/wall/{line}", f"/images/{line}",
                 f"/oidc/back?state={line}&error={line}", f"/pair?next={line}", f"/audit/export?who={line}", f"/api/{line}", f"/{line}", f"/mail/{line}/html"):  # fmt: skip
        for headers in (cookie, {}, {**cookie, "X_Forwarded_Proto": "https", "X_Forwarded_Host": "evil.example"}):
            status, answer, _ = served.get(path, **headers)
            assert status, path
            assert answer.get("x-evil") is None, path
            assert not any("evil=" in held for held in answer.get_all("set-cookie") or []), path
            assert "evil.example" not in (answer.get("location") or ""), path


def test_files_hold_the_text_and_nothing_that_a_spreadsheet_runs(served, filled):
    cookie = {"Cookie": f"ioc_session={filled['cookie']}"}
    span = f"start={quote((datetime.now(UTC) - timedelta(hours=1)).isoformat())}"
    for what in ("readings", "events", "alarms"):
        status, headers, body = served.get(f"/export?what={what}&format=csv&{span}&feed=evil", **cookie)
        assert status == 200, body
        rows = list(csv.reader(io.StringIO(body.decode("utf-8-sig"), newline="")))
        cells = [cell for row in rows[1:] for cell in row]
        assert any(SHOWN in cell for cell in cells), what
        assert not [cell for cell in cells if cell.lstrip().startswith(("=", "@", "\t", "\r"))], what
        assert headers["content-disposition"].startswith('attachment; filename="ioc-')
        assert headers["content-disposition"].isascii()
    found = json.loads(served.get(f"/export?what=events&format=geojson&{span}&feed=evil", **cookie)[2])
    assert SHOWN in json.dumps(found)
    status, headers, body = served.get("/audit/export?format=csv", **cookie)
    rows = list(csv.reader(io.StringIO(body.decode("utf-8-sig"), newline="")))
    assert status == 200
    assert not [cell for row in rows[1:] for cell in row if cell.lstrip().startswith(("=", "@", "+", "\t", "\r"))]
    assert headers["content-type"].startswith("text/csv")
