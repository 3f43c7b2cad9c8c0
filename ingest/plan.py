"""One reading of the city folder made ready for an ingester: its share of the feeds, compiled, and its filters."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ingest import topics
from ingest.commit import Limits
from ingest.registry import Registry
from ingest.router import Router
from ioc import plugins
from ioc.city import AreaIndex
from ioc.store import lessons, process, registry

if TYPE_CHECKING:
    from ioc.config.folder import CityFolder
    from ioc.store.database import Connection


class Share(NamedTuple):
    """Which part of the load this ingester takes.

    name: of this one among several, part of its client id. feeds: only these. group: divide all messages with the
    others of the same group, through MQTT 5 shared subscriptions. mark: the part of the client id nobody can guess.
    """

    name: str = ""
    feeds: frozenset[str] | None = None
    group: str = ""
    mark: str = ""

    @property
    def process(self) -> str:
        return f"ingest/{self.name}" if self.name else "ingest"


class Plan(NamedTuple):
    """One reading of the city folder, ready for work. filters: what to subscribe to -> QoS."""

    folder: CityFolder
    router: Router
    limits: Limits
    filters: dict[str, int]


def plan(conn: Connection, folder: CityFolder, share: Share) -> Plan:
    """Compile the feeds. Raises ConfigError with every fault, StoreAway."""
    registry.sync(conn, folder)
    router = Router(folder, Registry(conn), share.feeds)
    remind(conn, router)
    areas = AreaIndex(folder.areas, process.now(conn).astimezone(folder.city.tz).date())
    limits = Limits(client_id(folder, share), folder.city.history.quarantine_rows_per_feed, areas)
    return Plan(folder, router, limits, wanted(folder, router, share))


def remind(conn: Connection, router: Router) -> None:
    """Decoders that messages without retention taught begin with the newest of these."""
    for feed in router.feeds.values():
        for topic, payload in lessons.of(conn, feed.id) if feed.teaches else ():
            route = router.route(topic.encode())
            if route.feed is feed:
                feed.remember(route, payload)


def learns(made: Plan) -> bool:
    """Whether a feed's format learns from retained messages (discovery, attributes) and begins with nothing known."""
    used = {made.folder.feeds[key].format for key in made.router.feeds}
    return any(getattr(plugins.load("ingest.formats", name), "LEARNS", False) for name in used)


def client_id(folder: CityFolder, share: Share) -> str:
    """Fixed, so that the broker knows the session again; with a mark nobody else may take the session over."""
    name = f"ioc-{folder.city.key}-{share.process.replace('/', '-')}"[:60]
    return f"{name}-{share.mark}" if share.mark else name


def wanted(folder: CityFolder, router: Router, share: Share) -> dict[str, int]:
    """MQTT filters -> QoS. Alone, an ingester takes everything, so that undeclared topics are seen too."""
    filters = router.filters if share.feeds is not None else ["#", *(f for f in router.filters if f.startswith("$"))]
    qos = {f.mqtt: folder.feeds[feed.key].qos for feed in router.feeds.values() for f in feed.filters}
    return {f: qos.get(f, 1) for f in topics.covering(filters)}
