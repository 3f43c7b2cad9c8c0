"""What people get, measured: seconds from a commit to a mail server, mails of a storm and of a flapping sensor."""

from __future__ import annotations

import email
import email.policy
import threading
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import numpy as np

from alerts import service, smtp
from alerts.compose import Composer, Setting
from alerts.evaluator import EVERY, Evaluator, aligned
from alerts.mail import From
from alerts.sender import Sender
from ioc.config import folder as folders
from ioc.embedded import mail as catcher
from ioc.embedded.broker import free_port
from ioc.health import Health
from ioc.settings import Settings
from ioc.store import bench_alerts, registry, write
from ioc.store.alarm_write import clock

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime
    from pathlib import Path

    from ioc.store.database import Connection

_PEOPLE, _APART_S = 15, 0.7
_STORM, _LATER = 12, timedelta(minutes=10)  # looks of a storm; after which its mails are counted
_CITY = """key = "bench"
name = "Bench"
zone = "UTC"
[map]
center = [105.97, 9.60]
[mail]
sender = "ioc@bench.test"
"""
_RULE = """[[rule]]
key = "high"
kind = "threshold"
name = "High water"
scope = { metrics = ["level"] }
options = { above = 50.0 }
priority = "critical"
cause = "rain"
consequence = "flood"
action = "open the sluice"
respond_within = "30min"
owner = "bench"
review_by = 2099-01-01
"""


def percentile(values: Sequence[float], part: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))]


class Post:
    """A mail server that keeps what it takes, in a thread."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port, self._stop = folder / "mail", free_port(), threading.Event()
        health, settings = Health("mail"), Settings()
        part = catcher.part(self.port)
        self._thread = threading.Thread(target=part, args=(self.folder, settings, self._stop, health), daemon=True)
        self._thread.start()
        _wait(lambda: health.state()["ready"], 10.0)

    def taken(self) -> list[tuple[float, Any]]:
        """(when it was written, which is before it was acknowledged; the message) of every mail."""
        files = sorted(self.folder.glob("*.eml"))
        return [
            (f.stat().st_mtime, email.message_from_bytes(f.read_bytes(), policy=email.policy.default)) for f in files
        ]

    def close(self) -> None:
        self._stop.set()
        self._thread.join(10)


def latency(conn: Connection, folder: Path, mails: int) -> dict[str, Any]:
    """Critical readings of different places, one after another, each with its own person, through the whole engine."""
    city = _city(folder, mails)
    post, stop, health = Post(folder), threading.Event(), Health("alerts")
    registry.sync(conn, folders.load(city))
    series = bench_alerts.gauges(conn, mails)
    settings = Settings(database_url=_url(conn), smtp_url=f"smtp://127.0.0.1:{post.port}")
    engine = threading.Thread(target=service.run, args=(city, settings, stop, health), daemon=True)
    engine.start()
    try:
        _wait(lambda: health.state()["ready"] and not health.state()["why"], 30.0)
        time.sleep(3.0)  # until the painter is warm, as it is all year
        committed = list(_committed(conn, series))
        _wait(lambda: len(post.taken()) >= mails, 20.0)
        taken = {str(message["To"]): at for at, message in post.taken()}
    finally:
        stop.set()
        engine.join(20)
        post.close()
    spent = [taken[to] - at for n, at in enumerate(committed) if (to := _address(taken, n)) is not None]
    return {"mails": len(spent), "mails_wanted": mails, "mail_p50_s": round(percentile(spent, 0.5), 2),
            "mail_p95_s": round(percentile(spent, 0.95), 2), "mail_max_s": round(max(spent), 2)}  # fmt: skip


def _committed(conn: Connection, series: Sequence[int]) -> Iterator[float]:
    """Write a critical reading of each, as the ingester does; the time of its commit."""
    writer = write.Writer(conn)
    for n, one in enumerate(series):
        time.sleep(_APART_S * (0.5 + n * 0.618 % 1))  # at any point between two ticks
        now = np.array([clock(conn).replace(tzinfo=None)], dtype="M8[us]")
        rows = write.Readings(np.array([one], np.int32), now, np.array([60.0]))
        with conn.transaction():
            write.add_readings(writer, rows)
            write.raise_latest(writer, rows)
            none = np.zeros(0, np.int32)
            write.tell(conn, series=rows.series, sensors=none, events=[], registry=False)
        yield time.time()


def _address(taken: dict[str, float], n: int) -> str | None:
    return next((to for to in taken if f"p{n}@bench.test" in to), None)


def _city(folder: Path, people: int) -> Path:
    city = folder / "city"
    (city / "rules").mkdir(parents=True)
    (city / "feeds").mkdir()
    domains = "".join(f'[domains.d{n}]\nname = "Domain {n}"\n' for n in range(people))
    (city / "city.toml").write_text(_CITY + domains)
    (city / "metrics.toml").write_text('[level]\nname = "Water level"\nunit = "m"\n')
    (city / "rules" / "r.toml").write_text(_RULE)
    (city / "feeds" / "gauges.toml").write_text(
        'name = "Gauges"\ntopic = "g/{sensor}"\nformat = "value"\ncadence = "1min"\n'
    )
    contacts = (
        f'[[contact]]\nkey = "p{n}"\nname = "p{n}"\nemail = "p{n}@bench.test"\ndomains = ["d{n}"]\n'
        for n in range(people)
    )
    (city / "contacts.toml").write_text("".join(contacts))
    return city


def storm(conn: Connection, folder: Path) -> dict[str, Any]:
    """10,000 alarms in a minute, some of them critical; the mails of the ten minutes after it."""
    at, post = aligned(clock(conn)), Post(folder)
    bench_alerts.fill(
        conn, 1000, [_storm_rule("crit", "critical", ["area-1"], ["m0"]), _storm_rule("rest", "medium", [], [])], at
    )
    people = bench_alerts.people(conn, 2)
    engine, mails = Evaluator(ZoneInfo("UTC"), {}), _Mails(conn, post)
    engine.reload(conn, at)
    engine.tick(conn, at)
    began, slowest = at, 0.0
    while at < began + _LATER:
        at += EVERY
        look = round((at - began) / EVERY) - 1
        if look < _STORM:
            bench_alerts.swell(conn, _STORM, look, at)
        started = time.perf_counter()
        engine.tick(conn, at)
        slowest = max(slowest, time.perf_counter() - started)
        mails.turn(at)
        at = at if look < _STORM else at + 23 * EVERY
    found = post.taken()
    post.close()
    named = [_unnamed(found, to, bench_alerts.sensors_of(conn, "crit")) for to in people]
    counts = [sum(to in str(message["To"]) for _, message in found) for to in people]
    return {"storm_alarms": bench_alerts.counts(conn)[1], "storm_mails_per_recipient": max(counts),
            "storm_critical": len(bench_alerts.sensors_of(conn, "crit")), "storm_critical_not_named": max(named),
            "storm_worst_look_s": round(slowest, 2)}  # fmt: skip


def _unnamed(found: Sequence[tuple[float, Any]], to: str, sensors: Sequence[str]) -> int:
    """How many of the sensors no mail to this person names."""
    texts = [_text(message) for _, message in found if to in str(message["To"])]
    words = set(" ".join(texts).replace(",", " ").replace(":", " ").replace("(", " ").replace(")", " ").split())
    return sum(sensor not in words for sensor in sensors)


def _text(message: Any) -> str:
    body = message.get_body(("plain",))
    return "" if body is None else str(body.get_content())


def flap(conn: Connection, folder: Path) -> dict[str, Any]:
    """One critical series that toggles 1,000 times in an hour: how many mails one person gets, and what is recorded."""
    at, post = aligned(clock(conn)), Post(folder)
    bench_alerts.fill(conn, 1, [_storm_rule("crit", "critical", [], ["m0"])], at)
    bench_alerts.people(conn, 1)
    engine, mails = Evaluator(ZoneInfo("UTC"), {}), _Mails(conn, post)
    engine.reload(conn, at)
    engine.tick(conn, at)
    series, toggles = bench_alerts.series_of(conn, "m0"), 0
    for _ in range(200):
        for n in range(5):
            toggles += 1
            bench_alerts.say(conn, series, at + timedelta(seconds=3.6) * (n + 1), 100.0 if toggles % 2 else 0.0)
        at += timedelta(seconds=18)
        engine.tick(conn, at)
        mails.turn(at)
    found = post.taken()
    post.close()
    return {"flap_toggles": toggles, "flap_mails": len(found)}


class _Mails:
    """Writing and sending by the pretended clock; without pictures, which are measured elsewhere."""

    def __init__(self, conn: Connection, post: Post) -> None:
        self._conn = conn
        sender = From("ioc@bench.test", "Bench", None)
        self._composer = Composer(Setting(zone=ZoneInfo("UTC"), base_url="https://bench.test", sender=sender), None)
        self._sender = Sender(smtp.server(f"smtp://127.0.0.1:{post.port}"), "ioc@bench.test")

    def turn(self, at: datetime) -> None:
        self._composer.run(self._conn, at)
        while self._sender.run(self._conn, now=at):
            pass


def _storm_rule(key: str, priority: str, areas: list[str], metrics: list[str]) -> dict[str, Any]:
    scope = {"metrics": metrics or [f"m{n}" for n in range(10)], "areas": areas}
    return {
        "key": key, "kind": "threshold", "name": {"": key}, "scope": scope, "options": {"above": 99.5},
        "priority": priority, "cause": {"": "bench"}, "consequence": {"": "none"}, "action": {"": "none"},
        "respond_within": "3600s", "owner": "bench", "review_by": "2099-01-01",
    }  # fmt: skip


def _url(conn: Connection) -> str:
    info = conn.info
    return f"postgresql://{info.user}@{info.host}:{info.port}/{info.dbname}"


def _wait(condition: Any, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)
