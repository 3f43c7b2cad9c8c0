"""MQTT filters of feeds: whether each is one, and which feeds would claim the same messages."""

from __future__ import annotations

import re
from itertools import combinations
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ioc.config.feeds import Feed
    from ioc.config.folder import CityFolder, Reading
    from ioc.errors import Fault

_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_NAMED = re.compile(r"\{([A-Za-z_]\w*)\}")


def plain(topic: str) -> str:
    """`city/{district}/air/#` as the broker wants it: `city/+/air/#`."""
    return "/".join("+" if _NAMED.fullmatch(level) else level for level in topic.split("/"))


def faults(feed: Feed) -> Iterator[str]:
    """What is wrong with a feed's topics."""
    if not feed.topics:
        yield "no topic"
    for topic in [*feed.topics, *feed.heard]:
        yield from _faults(topic)
    for topic in feed.topics:
        if feed.http and plain(topic) != topic:
            yield f"{topic!r}: a pulled feed is published to one topic, without wildcards"


def _faults(topic: str) -> Iterator[str]:
    levels = topic.split("/")
    if not topic:
        yield "an empty topic"
    if "#" in levels[:-1] or any("#" in level and level != "#" for level in levels):
        yield f"{topic!r}: # stands only alone, at the end"
    if any("+" in level and level != "+" for level in levels):
        yield f"{topic!r}: + stands for a whole level"
    if any(("{" in level or "}" in level) and not _NAMED.fullmatch(level) for level in levels):
        yield f"{topic!r}: a name in braces stands for a whole level, as in city/{{sensor}}/state"
    named = _NAMED.findall(topic)
    if len(named) != len(set(named)):
        yield f"{topic!r}: a name stands twice"
    if _UNPRINTABLE.search(topic):
        yield f"{topic!r}: control characters stand in no topic"


def overlaps(found: Reading, city: CityFolder) -> Iterator[Fault]:
    """Warnings for feeds that would claim the same messages while nothing says which of them comes first."""
    enabled = [(key, feed) for key, feed in city.feeds.items() if feed.enabled and not any(faults(feed))]
    for (one, first), (two, second) in combinations(enabled, 2):
        if first.priority != second.priority:
            continue
        hits = [(a, b) for a in first.topics for b in second.topics if meet(a, b) and _rank(a) == _rank(b)]
        if hits:
            what = f"claims the same messages as feeds/{one}.toml: {hits[0][1]} and {hits[0][0]}"
            yield found.fault("feeds", two, ("topic",), what, "give one of them a higher priority", warning=True)


def meet(one: str, two: str) -> bool:
    """Whether some topic matches both filters.

    >>> meet("a/+/c", "a/b/#"), meet("a/b", "a/c")
    (True, False)
    """
    return _meet(plain(one).split("/"), plain(two).split("/"))


def _meet(one: list[str], two: list[str]) -> bool:
    if not one or not two:
        rest = one or two
        return rest in ([], ["#"])
    if "#" in (one[0], two[0]):
        return True
    return (one[0] == two[0] or "+" in (one[0], two[0])) and _meet(one[1:], two[1:])


def _rank(topic: str) -> int:
    """Between filters of one priority the longest wins: see Feed.priority."""
    return len(plain(topic).split("/"))
