"""A city folder's feeds, compiled: topic -> route. What no feed claims goes to the feed `unclaimed`."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, NoReturn

from ingest.feed import CompiledFeed, Route
from ingest.topics import Topics
from ioc.errors import ConfigError, DecodeError, Fault, Ignored

if TYPE_CHECKING:
    from collections.abc import Container

    from ingest.batch import Batch
    from ingest.client import Message
    from ingest.registry import Registry
    from ioc.config.folder import CityFolder
    from ioc.records import Micros

_MOST_ROUTES = 30_000  # topics remembered; a scanner's topics come and go


class _Unclaimed(NamedTuple):
    """Takes what nobody declared, so that it can be seen and declared."""

    id: int
    key: str = "unclaimed"

    def take(self, message: Message, route: Route, batch: Batch, received: Micros) -> NoReturn:  # noqa: ARG002
        raise DecodeError("unclaimed", "no feed's topic filter matches")


class _Disabled(NamedTuple):
    """A feed that is switched off in the folder: its messages are counted and left."""

    id: int
    key: str

    def take(self, message: Message, route: Route, batch: Batch, received: Micros) -> NoReturn:  # noqa: ARG002
        raise Ignored("feed_disabled")


class Router:
    """`route` is asked for every message, so it remembers. Raises ConfigError that names each feed's fault."""

    def __init__(self, folder: CityFolder, registry: Registry, only: Container[str] | None = None) -> None:
        self.registry = registry
        self.feeds: dict[str, CompiledFeed] = {}
        self._topics: Topics[tuple[CompiledFeed, bool]] = Topics()
        self._routes: dict[bytes, Route] = {}
        self._unclaimed = _Unclaimed(registry.feed_ids["unclaimed"])
        faults: list[Fault] = []
        for key, feed in folder.feeds.items():
            if only is None or key in only:
                try:
                    compiled = CompiledFeed(key, feed, folder, registry)
                except (ValueError, KeyError) as error:
                    faults.append(Fault(f"feeds/{key}.toml", "", str(error)))
                else:
                    self._add(compiled, enabled=feed.enabled, priority=feed.priority)
        if faults:
            raise ConfigError(faults)

    @property
    def filters(self) -> list[str]:
        """What the enabled feeds want from the broker."""
        return [f.mqtt for feed in self.feeds.values() for f in feed.filters]

    def go_on_from(self, before: Router) -> None:
        """What decoders have learnt outlives a change of the city folder. Called between two messages."""
        for key, feed in self.feeds.items():
            if key in before.feeds:
                feed.go_on_from(before.feeds[key])

    def _add(self, feed: CompiledFeed, *, enabled: bool, priority: int) -> None:
        if enabled:
            self.feeds[feed.key] = feed
        for filter_ in feed.filters:
            self._topics.add(filter_, (feed, enabled), priority=priority)

    def route(self, topic: bytes) -> Route:
        """The route of a topic as it came over the wire."""
        found = self._routes.get(topic)
        if found is None:
            if len(self._routes) >= _MOST_ROUTES:
                self._routes.clear()
            found = self._routes[topic] = self._find(topic.decode(errors="replace"))
        return found

    def _find(self, topic: str) -> Route:
        hit = self._topics.match(topic)
        if hit is None:
            return Route(self._unclaimed, {"": topic}, "")  # type: ignore[arg-type]
        filter_, (feed, enabled) = hit
        if not enabled:
            return Route(_Disabled(feed.id, feed.key), {"": topic}, "")  # type: ignore[arg-type]
        return feed.route(filter_, topic)
