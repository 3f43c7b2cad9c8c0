"""Keeps the embedded broker's users and certificate as they should be: the database and the city folder in, files and a
hang-up signal out. A publisher that was added may come within two seconds, a revoked or expired one is cut off as soon.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
import tomllib
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from ioc.access.brokers import Hashes, PublisherError, User, hashed
from ioc.errors import IocError, StoreError
from ioc.store import database, publishers
from ioc.watch import Watch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from ioc.embedded.broker import Broker
    from ioc.store.database import Connection

_LOOK = 1.0  # seconds
_CERTIFICATE = 600  # looks between two at the certificate
log = logging.getLogger(__name__)


class Topics(NamedTuple):
    """One feed's: what its publisher may send, and what it may listen to."""

    publish: tuple[str, ...]
    listen: tuple[str, ...]


def topics(folder: Path) -> dict[str, Topics]:
    """{feed: its topics} of a city folder, unchecked. Raises OSError, ValueError on a file that cannot be read."""
    return {
        file.stem: _topics(tomllib.loads(file.read_text(encoding="utf-8")))
        for file in sorted(folder.glob("feeds/*.toml"))
    }


def _topics(feed: Mapping[str, Any]) -> Topics:
    return Topics(_texts(feed.get("topic", ())), _texts(feed.get("listens", ())))


def _texts(value: Any) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(str(one) for one in value)


class Own(NamedTuple):
    """The hashes of our own programs' passwords. sample: topics of the sample city as it came."""

    everything: Hashes
    simulate: Hashes
    bridge: Hashes
    sample: tuple[str, ...] = ()

    @classmethod
    def of(cls, everything: str, simulate: str, bridge: str) -> Own:
        return cls(hashed(everything), hashed(simulate), hashed(bridge))

    def users(self, feeds: Mapping[str, Topics]) -> list[User]:
        """The ingester reads all; who publishes for us hears nothing.

        The bridge may send anything: it takes a feed up as soon as we do, and a broker that hangs up on its first
        message would be one that does not take the topic.
        """
        said = tuple(topic for feed in feeds.values() for topic in feed.publish)
        return [
            User("ioc", self.everything, ("#",), ("#", "$SYS/#")),
            User("ioc-simulate", self.simulate, (*self.sample, *said)),
            User("ioc-bridge", self.bridge, ("#",)),
        ]


def user(found: publishers.Valid, feeds: Mapping[str, Topics]) -> User:
    """A publisher with the topics its feeds have now; a feed that left the folder gives none. Raises PublisherError."""
    own = [feeds[key] for key in found.feeds if key in feeds]
    publish = (*(topic for feed in own for topic in feed.publish), *found.topics)
    listen = tuple(topic for feed in own for topic in feed.listen)
    return User(found.name, Hashes(found.bcrypt, found.pbkdf2), publish, listen)


def users(found: Iterable[publishers.Valid], feeds: Mapping[str, Topics]) -> list[User]:
    """Who is let in; one whose topics a broker's file cannot hold is left out, not the others."""
    made = []
    for one in found:
        try:
            made.append(user(one, feeds))
        except PublisherError as error:
            log.warning("the publisher %s is not let in: %s", one.name, error)
    return made


class Admission(threading.Thread):
    """Follows database and folder until `close`. pid: the broker's process once it can take a signal, else None.

    renew: looks after the broker's certificate; says whether there is a new one.
    """

    def __init__(
        self,
        broker: Broker,
        own: Own,
        folder: Path,
        database_url: str,
        pid: Callable[[], int | None],
        renew: Callable[[], bool] = lambda: False,
    ) -> None:
        super().__init__(name="admission", daemon=True)
        self._broker, self._own, self._folder, self._url = broker, own, folder, database_url
        self._pid, self._renew = pid, renew
        self._watch, self._feeds = Watch(folder), topics(folder)
        self._conn: Connection | None = None
        self._told: tuple[int, list[User]] | None = None  # which process knows which users
        self._publishers: list[publishers.Valid] = []
        self._ended = threading.Event()
        self._looks = 0

    def close(self) -> None:
        self._ended.set()
        if self.is_alive():
            self.join(5)

    def run(self) -> None:
        while not self._ended.wait(_LOOK):
            try:
                self.look()
            except (IocError, OSError, ValueError) as error:
                log.warning("the broker's users stay as they are: %s", error)
        self._hang_up()

    def look(self) -> None:
        """One look; tells the broker where anything changed. Raises StoreError, PublisherError, OSError."""
        if self._watch.changed():
            self._feeds = topics(self._folder)
        self._publishers = self._asked()
        renewed = self._looks % _CERTIFICATE == 0 and self._renew()
        self._looks += 1
        self._tell([*self._own.users(self._feeds), *users(self._publishers, self._feeds)], again=renewed)

    def _tell(self, wanted: list[User], *, again: bool) -> None:
        if list(self._broker.users or ()) != wanted:
            self._broker.admit(wanted)
        pid = self._pid()
        if pid is not None and (again or self._told != (pid, wanted)):
            signal_to(pid)
            self._told = (pid, wanted)

    def _asked(self) -> list[publishers.Valid]:
        """Who may publish now; while the database is away, who might before."""
        try:
            if self._conn is None:
                self._conn = database.connect(self._url, name="ioc up publishers", autocommit=True)
            with database.translated():
                return publishers.valid(self._conn)
        except StoreError:
            self._hang_up()
            return self._publishers

    def _hang_up(self) -> None:
        if self._conn is not None:
            self._conn.close()
            self._conn = None


def signal_to(pid: int) -> None:
    """Both brokers read their users again on a hang-up signal, and keep the connections of those who may stay."""
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGHUP)
