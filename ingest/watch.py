"""What goes on beside receiving: the folder is looked at, feeds that fell silent are named, the process row is kept."""

from __future__ import annotations

import logging
import threading
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ingest.plan import plan
from ingest.proposals import Proposer
from ingest.quarantine import replay_quarantine
from ioc import watch
from ioc.config import folder as folders
from ioc.errors import ConfigError, StoreAway, StoreError
from ioc.store import database, process, requests

if TYPE_CHECKING:
    from ingest.pipeline import Done
    from ingest.plan import Plan, Share
    from ingest.service import Service
    from ioc.settings import Settings

log = logging.getLogger(__name__)

_LOOK = 1.0  # seconds between looks at the folder
_BEAT = 5.0  # seconds between beats


class Watch(threading.Thread):
    """Prepares a new plan when the folder changed; the receiving thread adopts it when it suits."""

    def __init__(self, settings: Settings, share: Share, first: Plan, service: Service) -> None:
        super().__init__(name="watch", daemon=True)
        self._url, self._share, self._service = settings.database_url, share, service
        self.plan = first
        self._next: Plan | None = None
        self._folder = watch.Watch(first.folder.path)
        self._pending = False  # the folder changed and was not read yet: the database was away
        self._refused = ""
        self._since = datetime.now(UTC)
        self._heard: dict[int, float] = {}
        self._silent: set[str] = set()

    def adopt(self) -> None:
        """Hand a prepared plan to the service, in the receiving thread."""
        made, self._next = self._next, None
        if made is not None:
            self._service.adopt(made)
            self.plan = made

    def heard(self, done: Done) -> None:
        """Feeds that spoke in a batch."""
        now = time.monotonic()
        self._heard.update(dict.fromkeys(done.counts.feeds, now))

    def run(self) -> None:
        proposer = Proposer(self._url)
        look, beat, state = 0.0, 0.0, ""
        while not self._service.stop.is_set():
            now = time.monotonic()
            if now >= look:
                look = now + _LOOK
                self._look()
                proposer.attend(self.plan.folder, time.time_ns() // 1000)
            if now >= beat or self._state() != state:
                beat, state = now + _BEAT, self._state()
                self._beat()
                self._serve_requests()
            self._service.stop.wait(0.25)
        proposer.close()
        self._beat("stopped")

    def _look(self) -> None:
        self._pending |= self._folder.changed()
        if not self._pending:
            return
        try:
            self._prepare()
        except StoreAway:
            return  # at the next look
        except OSError as error:
            self._refuse(f"the city folder cannot be read: {error}")
        except (ConfigError, StoreError) as error:
            self._refuse(str(error))
        self._pending = False

    def _prepare(self) -> None:
        found = folders.load(self.plan.folder.path)
        with database.connect(self._url, name="ioc ingest watch", autocommit=True) as conn:
            self._next = plan(conn, found, self._share)
        self._refused = ""
        self._service.client.wake()

    def _serve_requests(self) -> None:
        """Do what somebody at a desk asked for."""
        try:
            with database.connect(self._url, name="ioc ingest watch", purpose=database.WHOLE) as conn:
                for request in requests.waiting(conn):
                    try:
                        found = replay_quarantine(self.plan.folder, self._url, request.feed)
                        requests.done(conn, request.id, {**found._asdict(), "reasons": dict(found.reasons)})
                    except (ConfigError, StoreError) as error:
                        requests.done(conn, request.id, {"error": str(error)})
        except (StoreAway, StoreError) as error:
            log.debug("requests wait: %s", error)

    def _refuse(self, why: str) -> None:
        if why != self._refused:
            log.error("the changed city folder is refused as a whole, the one before stays in force:\n%s", why)
        self._refused = why

    def _beat(self, state: str | None = None) -> None:
        try:
            with database.connect(self._url, name="ioc ingest watch", autocommit=True) as conn:
                process.beat(conn, self._share.process, self._since, state or self._state(), self._detail())
        except (StoreAway, StoreError) as error:
            log.debug("no beat: %s", error)

    def _state(self) -> str:
        if self._service.pipeline.committer.away or self._service.client.why:
            return "waiting"
        return "refused" if self._refused else "ok"

    def _detail(self) -> dict[str, Any]:
        service = self._service
        away = service.pipeline.committer.away or service.client.why
        return {
            "why": away or self._refused,
            "folder": self.plan.folder.digest,
            "refused": self._refused,
            "connected": service.client.connected,
            "waiting": service.pipeline.waiting,
            "silent": self._silent_feeds(),
            "filters": list(self.plan.filters),
            "client": self.plan.limits.client,
        }

    def _silent_feeds(self) -> list[str]:
        """Feeds that should have spoken by now though the broker is connected."""
        now, silent = time.monotonic(), set()
        for key, feed in self.plan.router.feeds.items():
            about = self.plan.folder.feeds[key]
            limit = about.silent_after or (about.cadence * 5 if about.cadence else None)
            last = self._heard.setdefault(feed.id, now)
            if limit and now - last > limit.total_seconds():
                silent.add(key)
        for key in sorted(silent - self._silent):
            log.warning("feed %s is silent: connected, but no message for longer than it promises", key)
        self._silent = silent
        return sorted(silent)
