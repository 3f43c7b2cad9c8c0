"""The alert engine as a process: one leads, the metronome beats, the folder may change, the database may be away.

APScheduler only says when; everything that must survive is in the database.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from apscheduler.events import EVENT_JOB_ERROR, EVENT_JOB_EXECUTED, EVENT_JOB_MAX_INSTANCES, EVENT_JOB_MISSED
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.jobstores.base import JobLookupError
from apscheduler.schedulers.background import BackgroundScheduler

from alerts import jobs, learn, lookback, metrics, ping, smtp, tester
from alerts.compose import Composer, Setting
from alerts.editions import Editor
from alerts.evaluator import EVERY, Evaluator, aligned
from alerts.mail import From
from alerts.painter import Painter
from alerts.sender import Courier, Sender
from alerts.waker import Waker
from alerts.ways import ways
from ioc import watch
from ioc.config import folder as folders
from ioc.config.types import say
from ioc.errors import ConfigError, IocError, StoreError
from ioc.store import database, leader, outbox, process, registry, upkeep

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ioc.config.folder import CityFolder
    from ioc.health import Health
    from ioc.settings import Settings
    from ioc.store.database import Connection

NAME = "alerts"
LATE = 4 * EVERY + timedelta(seconds=10)  # without a tick for this long the process says it is not well
_TURNS_S = {"write": 1.0, "send": 1.0, "tidy": 60.0, "editions": 20.0, "learn": 5.0, "test": 1.0, "ping": 60.0}
_LOOK_S, _STANDBY_S = 2.0, 5.0  # between two looks at the folder; at whether the leader is gone
_EVENTS = EVENT_JOB_ERROR | EVENT_JOB_MISSED | EVENT_JOB_MAX_INSTANCES | EVENT_JOB_EXECUTED
log = logging.getLogger(__name__)
logging.getLogger("apscheduler").setLevel(
    logging.CRITICAL
)  # what is news of a job is said by `_heard`, the rest is counted


def run(
    folder: Path,
    settings: Settings,
    stop: threading.Event,
    health: Health,
    mark: Callable[[str], None] = lambda _: None,
) -> None:
    """Evaluate and mail until `stop`. Raises ConfigError when the folder is wrong at the start; later it is refused.

    mark: told the points a mail passes, so that tests can crash there.
    """
    settings.require("database_url")
    service = Service(folders.load(folder), settings, stop, health, mark)
    upkeep.Keeper(settings.database_url, lambda: service.folder, stop).start()
    try:
        service.run()
    finally:
        service.painter.close()


def _shut(conn: Connection) -> list[str]:
    """Ways out that do not work, in the server's own words: somebody must see it who can mend it."""
    return [f"{key} is {state}: {reason}" for key, state, reason in outbox.channels(conn) if state != "ok"]


class Service:
    """One candidate for the lead."""

    def __init__(
        self, folder: CityFolder, settings: Settings, stop: threading.Event, health: Health, mark: Callable[[str], None]
    ) -> None:
        self.folder, self._settings, self._stop, self._health = folder, settings, stop, health
        self._watch = watch.Watch(folder.path)
        self._started = datetime.now(UTC)
        self._mark = mark
        self._away = ""  # why there is no database, as told last: once is enough
        self._problems: dict[str, str] = {}  # by job; shown until the job goes well again
        self.painter = Painter()
        self._ways = ways(folder.city.channels)  # changed ones are in force after a restart

    def run(self) -> None:
        while not self._stop.is_set():
            try:
                url = self._settings.database_url
                with database.translated(), database.connect(url, name="ioc alerts leader", autocommit=True) as conn:
                    self._away = ""
                    registry.sync(conn, self.folder)
                    lookback.remember(conn, self.folder.rules.values(), process.now(conn))
                    self._candidate(conn)
            except StoreError as error:
                self._waiting(str(error))
                self._stop.wait(2.0)

    def _candidate(self, conn: Connection) -> None:
        """Wait for the lead, then lead until it is lost."""
        while not self._stop.is_set():
            epoch = leader.lead(conn, NAME, f"{socket.gethostname()}:{os.getpid()}")
            if epoch is not None:
                self._lead(conn, epoch)
                return
            self._health.ready(ok=True, why="standing by: another process evaluates")
            self._health.beat()
            process.beat(conn, f"{NAME}/standby", self._started, "waiting", {"why": "another process evaluates"})
            self._stop.wait(_STANDBY_S)

    def _lead(self, conn: Connection, epoch: int) -> None:
        log.info("evaluates, epoch %d", epoch)
        composer = Composer(self._setting(), self.painter, lambda c: leader.hold(c, NAME, epoch), self._mark)
        evaluator = Evaluator(self.folder.city.tz, self.folder.thresholds, lambda c: leader.hold(c, NAME, epoch))
        ticker = jobs.Ticker(self._settings.database_url, evaluator, composer)
        turns = self._turns(composer, evaluator)
        turns["editions"] = self._editions(composer, epoch)
        scheduler = self._scheduler = self._metronome(ticker, turns)
        done = threading.Event()
        Waker(self._settings.database_url, ticker.look, self._soon, done).start()
        metrics.LEADER.set(1)
        try:
            while not self._stop.wait(_LOOK_S):
                leader.beat(conn, NAME, epoch)
                self._look(conn, ticker, composer)
                self._say(conn, ticker, composer)
        finally:
            metrics.LEADER.set(0)
            done.set()
            scheduler.shutdown(wait=False)
            ticker.close()
            for turn in turns.values():
                turn.close()
            with suppress(Exception):  # the database may be gone: then nobody needs to be told
                process.beat(conn, NAME, self._started, "stopped", {})

    def _turns(self, composer: Composer, evaluator: Evaluator) -> dict[str, jobs.Turn]:
        url = self._settings.database_url
        found = {
            "write": jobs.Turn(url, "write", jobs.writing(composer, self._send_soon)),
            "tidy": jobs.Turn(url, "tidy", jobs.tidying(lambda: self.folder, composer)),
            "ping": jobs.Turn(url, "ping", ping.pinging(lambda: self.folder)),
            "test": jobs.Turn(url, "test", tester.working(lambda: self.folder.thresholds, lambda: self.folder.city.tz)),
            "learn": jobs.Turn(
                url, "learn", learn.working(lambda: list(evaluator.rules.values()), lambda: evaluator.zone)
            ),
        }
        if self._settings.smtp_url:
            mail = self.folder.city.mail
            server = smtp.server(self._settings.smtp_url, self._settings.smtp_ca)
            sender = Sender(server, mail.sender, self._mark, verp=mail.bounce_tag)
            found["send"] = jobs.Turn(url, "send", jobs.sending(sender))
        else:
            log.warning("IOC_SMTP_URL is not set: mails are written and wait")
        for key, way in self._ways.items():  # a turn each: one that hangs holds up no other
            found[f"send {key}"] = jobs.Turn(url, f"send {key}", jobs.sending(Courier(way, self._mark)))
        return found

    def _editions(self, composer: Composer, epoch: int) -> jobs.Turn:
        """Briefs, digests and reports, in a thread of their own: gathering a week takes longer than a mail may wait."""
        editor = Editor(
            setting=lambda: composer.setting, city=lambda: self.folder.city.name,
            domains=lambda: {key: domain.name for key, domain in self.folder.city.domains.items()},
            guard=lambda c: leader.hold(c, NAME, epoch), problems=composer.problems,
        )  # fmt: skip
        return jobs.Turn(self._settings.database_url, "editions", editor.run)

    def _metronome(self, ticker: jobs.Ticker, turns: dict[str, jobs.Turn]) -> BackgroundScheduler:
        """A thread for each job, so that a slow one holds up no other; a late run runs, and is not piled up."""
        scheduler = BackgroundScheduler(
            executors={name: ThreadPoolExecutor(1) for name in ("tick", "warm", *turns)},
            job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1}, timezone=UTC,
        )  # fmt: skip
        scheduler.add_listener(self._heard, _EVENTS)
        now = datetime.now(UTC)
        grid = {"seconds": EVERY.total_seconds(), "start_date": aligned(now)}
        scheduler.add_job(ticker.run, "interval", id="tick", executor="tick", next_run_time=now, **grid)
        scheduler.add_job(self.painter.warm, id="warm", executor="warm")
        for name, turn in turns.items():
            seconds = _TURNS_S[name.split()[0]]
            scheduler.add_job(turn.run, "interval", seconds=seconds, id=name, executor=name)
        scheduler.start()
        return scheduler

    def _soon(self, job: str, seconds: float) -> None:
        """That job runs in so many seconds, if it would not sooner."""
        when = datetime.now(UTC) + timedelta(seconds=seconds)
        with suppress(JobLookupError, AttributeError):  # it is not there, or the metronome is being stopped
            found = self._scheduler.get_job(job)
            if found.next_run_time is None or found.next_run_time > when:
                self._scheduler.modify_job(job, next_run_time=when)

    def _send_soon(self) -> None:
        for job in ("send", *(f"send {key}" for key in self._ways)):
            self._soon(job, 0.0)

    def _heard(self, event: Any) -> None:
        """What the metronome says of a job: its failures are shown until it goes well again."""
        if event.code == EVENT_JOB_EXECUTED:
            self._problems.pop(event.job_id, None)
        elif event.code == EVENT_JOB_ERROR:
            metrics.ERRORS.labels(event.job_id).inc()
            self._problems[event.job_id] = str(event.exception)
            level = logging.WARNING if isinstance(event.exception, IocError) else logging.ERROR
            where = None if isinstance(event.exception, IocError) else event.exception
            log.log(level, "%s failed: %s", event.job_id, event.exception, exc_info=where)
        else:
            metrics.SKIPPED.labels(event.job_id).inc()

    def _look(self, conn: Connection, ticker: jobs.Ticker, composer: Composer) -> None:
        """The city folder changed: adopt it, or refuse it as a whole."""
        if not self._watch.changed():
            return
        try:
            self.folder = folders.load(self.folder.path)
        except (ConfigError, OSError) as error:
            self._problems["folder"] = f"the changed city folder is refused: {error}"
            log.warning("%s", self._problems["folder"])
            return
        self._problems.pop("folder", None)
        registry.sync(conn, self.folder)
        lookback.remember(conn, self.folder.rules.values(), process.now(conn))
        composer.adopt(self._setting())
        ticker.adopt(self.folder)
        log.info("the changed city folder is in force")

    def _say(self, conn: Connection, ticker: jobs.Ticker, composer: Composer) -> None:
        """Health, and the row that screens watch: silence here is what tells them that nobody evaluates."""
        late = ticker.last is None or datetime.now(UTC) - ticker.last > LATE
        why = "; ".join([*self._problems.values(), *composer.problems.values(), *_shut(conn)])
        self._health.ready(ok=not late, why=why or ("no evaluation yet" if late else ""))
        self._health.beat()
        detail = {"why": why, "last_tick": ticker.last.isoformat() if ticker.last else None, "jobs": self._problems}
        process.beat(conn, NAME, self._started, "refused" if why else "ok", detail)

    def _waiting(self, why: str) -> None:
        if why != self._away:
            log.warning("%s; trying again", why)
        self._away = why
        self._health.ready(ok=False, why=why)
        self._health.beat()

    def _setting(self) -> Setting:
        city, mail = self.folder.city, self.folder.city.mail
        name = say(mail.sender_name, city.languages[0])
        basemap = self.folder.path / city.map.basemap if city.map.basemap else None
        return Setting(zone=city.tz, base_url=self._settings.base_url or mail.base_url,
                       sender=From(mail.sender, name, mail.reply_to), basemap=basemap, secret=self._settings.secret,
                       ways=self._ways)  # fmt: skip
