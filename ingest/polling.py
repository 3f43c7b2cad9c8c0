"""Polls web addresses, each at its own pace, and hands on what is new.

One thread for each host, so that no server is asked twice at once. What a server gave is remembered as known (ETag,
date) only after the broker has acknowledged it.
"""

from __future__ import annotations

import gzip
import logging
import random
import re
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote, urlsplit

from ingest.fetch import FetchError, Wanted, fetch
from ioc.errors import BrokerError, ConfigError, Fault
from ioc.settings import named

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ingest.bridge_metrics import Metrics
    from ioc.config.feeds import Http
    from ioc.config.folder import CityFolder

log = logging.getLogger(__name__)

LARGEST_PLAIN = 1_000_000  # bytes; a larger body is gzipped before it is published
LARGEST = 1_048_576  # bytes the ingester takes
SLOWEST = 3600.0  # seconds between attempts while a server fails, unless the feed itself is slower
LONGEST_WAIT = 6 * 3600.0  # seconds, whatever Retry-After says
_THREADS = 32
_PLACE = re.compile(r"\{env:(\w+)\}")  # in an address: a secret from the environment
_SPREAD = 1.0  # seconds over which the first polls are spread


@dataclass(slots=True)
class Pull:
    """One feed to be polled, and how it went. due: on the monotonic clock."""

    key: str
    topic: str
    http: Http
    due: float = 0.0
    etag: str = ""
    modified: str = ""
    failures: int = 0
    said: dict[str, Any] = field(default_factory=dict)  # the last outcome, for the process table

    @property
    def host(self) -> str:
        return urlsplit(self.http.url).netloc.rpartition("@")[2].lower()


class Outcome(NamedTuple):
    """name: published, not_modified, http_503, or a FetchError's reason. ok: whether the server did its part."""

    name: str
    ok: bool
    size: int = 0
    detail: str = ""
    retry_after: float | None = None


def pulls(folder: CityFolder) -> list[Pull]:
    """The enabled feeds with an [http] table. Raises ConfigError with every fault."""
    faults: list[Fault] = []
    found = []
    for key, feed in folder.feeds.items():
        if feed.http is None or not feed.enabled:
            continue
        faults += [
            Fault(f"feeds/{key}.toml", place, what, hint) for place, what, hint in faults_of(feed.topics, feed.http)
        ]
        found.append(Pull(key, feed.topics[0], feed.http))
    if faults:
        raise ConfigError(faults)
    return found


def faults_of(topics: list[str], http: Http) -> Iterable[tuple[str, str, str]]:
    """What is wrong with a pulled feed: (place in the file, what, hint)."""
    if len(topics) != 1 or any(sign in topics[0] for sign in "+#{"):
        yield "topic", "a pulled feed needs one topic without wildcards", "the bridge publishes to it"
    parts = urlsplit(http.url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        yield "http.url", f"not an address: {http.url[:80]!r}", "https://host/path"
    if any("\r" in text or "\n" in text for pair in http.headers.items() for text in pair):
        yield "http.headers", "a header with a line break", ""


def next_delay(pull: Pull, outcome: Outcome, chance: float) -> float:
    """Seconds until the next poll; chance: 0 to 1, so that many bridges do not ask in step."""
    every = pull.http.every.total_seconds()
    if outcome.ok:
        return every
    grown = min(every * 2.0 ** min(pull.failures, 20), max(every, SLOWEST))
    asked = min(outcome.retry_after or 0.0, LONGEST_WAIT)
    return max(asked, every, grown * (0.5 + chance / 2))


class Poller:
    """Polls; `send(topic, payload)` returns once the broker has it, or raises BrokerError."""

    def __init__(
        self, send: Callable[[str, bytes], None], connected: Callable[[], bool],
        metrics: Metrics, lookup: Callable[[str], str | None] = named,
    ) -> None:  # fmt: skip
        self._send, self._connected, self._metrics, self._lookup = send, connected, metrics, lookup
        self.pulls: list[Pull] = []
        self._halt = threading.Event()
        self._threads: list[threading.Thread] = []

    def use(self, wanted: list[Pull]) -> None:
        """Poll these from now on; what is known of a feed with the same address is kept."""
        self.close(max((p.http.deadline.total_seconds() for p in self.pulls), default=0.0) + 1.0)
        known = {(p.key, p.topic, p.http.url): p for p in self.pulls}
        now = time.monotonic()
        for pull in wanted:
            old = known.get((pull.key, pull.topic, pull.http.url))
            if old is not None:
                pull.etag, pull.modified, pull.failures, pull.said = old.etag, old.modified, old.failures, old.said
            pull.due = old.due if old else now + random.uniform(0, _SPREAD)  # noqa: S311
        self.pulls, self._halt = wanted, threading.Event()
        lanes: dict[int, list[Pull]] = {}
        hosts = sorted({p.host for p in wanted})
        for pull in wanted:
            lanes.setdefault(hosts.index(pull.host) % _THREADS, []).append(pull)
        self._threads = [
            threading.Thread(target=self._serve, args=(lane, self._halt), name="bridge", daemon=True)
            for lane in lanes.values()
        ]
        for thread in self._threads:
            thread.start()

    def close(self, seconds: float = 2.0) -> None:
        """Stop polling; requests under way are waited for this long, then left to their deadline."""
        self._halt.set()
        end = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(end - time.monotonic(), 0.0))
        self._threads = []

    def _serve(self, lane: list[Pull], halt: threading.Event) -> None:
        while not halt.is_set():
            pull = min(lane, key=lambda p: p.due)
            if halt.wait(max(pull.due - time.monotonic(), 0.0)):
                return
            if not self._connected():  # what cannot be delivered is not asked for
                pull.said = {**pull.said, "outcome": "broker_away"}
                halt.wait(1.0)
                continue
            outcome = self.poll(pull)
            pull.failures = 0 if outcome.ok else pull.failures + 1
            pull.due = time.monotonic() + next_delay(pull, outcome, random.random())  # noqa: S311
            pull.said["next_s"] = round(pull.due - time.monotonic())

    def poll(self, pull: Pull) -> Outcome:
        """Ask once, publish what is new, note the outcome."""
        began = time.monotonic()
        try:
            outcome = self._asked(pull)
        except FetchError as error:
            outcome = Outcome(error.reason, ok=False, detail=str(error))
        except BrokerError as error:
            outcome = Outcome("unpublished", ok=False, detail=str(error))
        except Exception as error:  # a poll that fails in a way nobody thought of must not end the others
            log.exception("feed %s", pull.key)
            outcome = Outcome("error", ok=False, detail=f"{type(error).__name__}: {error}"[:300])
        if not outcome.ok:
            log.warning("feed %s: %s", pull.key, outcome.detail or outcome.name)
        self._metrics.count(pull.key, outcome.name, outcome.size, time.monotonic() - began, ok=outcome.ok)
        pull.said = {
            "outcome": outcome.name,
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "bytes": outcome.size,
            "failures": 0 if outcome.ok else pull.failures + 1,
            "why": outcome.detail,
        }
        return outcome

    def _asked(self, pull: Pull) -> Outcome:
        http = pull.http
        headers = {name: self._header(value) for name, value in http.headers.items()}
        deadline = http.deadline.total_seconds()
        url = _PLACE.sub(lambda match: quote(self._secret(match[1]), safe=""), http.url)
        found = fetch(Wanted(url, headers, deadline, http.max_bytes, pull.etag, pull.modified))
        if found.status == 304:
            return Outcome("not_modified", ok=True)
        if found.status != 200:
            detail = f"the server answered {found.status}"
            return Outcome(f"http_{found.status}", ok=False, detail=detail, retry_after=found.retry_after)
        self._send(pull.topic, packed(found.body))
        pull.etag, pull.modified = found.etag, found.modified
        return Outcome("published", ok=True, size=len(found.body))

    def _header(self, value: str) -> str:
        return self._secret(value[4:]) if value.startswith("env:") else value

    def _secret(self, name: str) -> str:
        found = self._lookup(name)
        if found is None or "\n" in found or "\r" in found:
            raise FetchError("no_secret", f"the environment has no usable {name}, which the feed's [http] asks for")
        return found


def packed(body: bytes) -> bytes:
    """The body as it is published: gzipped where it is large. Raises FetchError `too_large`."""
    if len(body) <= LARGEST_PLAIN:
        return body
    small = gzip.compress(body, 6, mtime=0)
    if len(small) > LARGEST:
        raise FetchError(
            "too_large", f"{len(body)} bytes, {len(small)} gzipped: at most {LARGEST} go through the broker"
        )
    return small
