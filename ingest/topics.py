"""An MQTT topic -> the feed that claims it, and its named segments.

A filter is MQTT's own with names: `city/{district}/air/{sensor}/#`, where `{name}` stands for `+`. Filters are kept as
a tree by level, so the price of a look-up is the depth of the topic and not the number of feeds.
"""

from __future__ import annotations

from typing import Generic, NamedTuple, TypeVar

T = TypeVar("T")


class Filter(NamedTuple):
    """levels: what each level must be; None stands for any. names: level -> the name it has. rest: it ends in `#`."""

    levels: tuple[str | None, ...]
    names: dict[int, str]
    rest: bool

    @property
    def mqtt(self) -> str:
        """As the broker takes it."""
        return "/".join([*("+" if level is None else level for level in self.levels), *(["#"] if self.rest else [])])


def parse(text: str) -> Filter:
    """Read a filter. Raises ValueError that says what is wrong with it."""
    levels = text.split("/")
    rest = levels[-1] == "#"
    found: list[str | None] = []
    names: dict[int, str] = {}
    for number, level in enumerate(levels[:-1] if rest else levels):
        if level.startswith("{") and level.endswith("}"):
            if not level[1:-1].isidentifier():
                raise ValueError(f"topic {text!r}: {level} is not a name; write {{sensor}} or {{district}}")
            names[number] = level[1:-1]
        elif set(level) & set("{}+#") and level != "+":
            raise ValueError(f"topic {text!r}: a wildcard or {{name}} must be a whole level, not {level!r}")
        found.append(None if level == "+" or number in names else level)
    if len(set(names.values())) != len(names):
        raise ValueError(f"topic {text!r}: a name stands twice")
    if not text or "\0" in text or len(text.encode()) > 65_535:
        raise ValueError("topic: it is empty, too long or holds a zero character")
    return Filter(tuple(found), names, rest)


def segments(filter_: Filter, topic: str) -> dict[str, str]:
    """What the topic says by name; "" is the whole topic, "#" what a trailing # matched."""
    levels = topic.split("/")
    named = {name: levels[number] for number, name in filter_.names.items()}
    if filter_.rest:
        named["#"] = "/".join(levels[len(filter_.levels) :])
    named[""] = topic
    return named


def covering(filters: list[str]) -> list[str]:
    """Without the MQTT filters that another one covers: a broker may deliver a message once for each that matches."""
    unique = list(dict.fromkeys(filters))
    return [f for f in unique if not any(o != f and _covers(o.split("/"), f.split("/")) for o in unique)]


def _covers(wide: list[str], narrow: list[str]) -> bool:
    if wide[0] in "+#" and narrow[0].startswith("$"):
        return False
    for number, level in enumerate(wide):
        if level == "#":
            return True
        if number >= len(narrow) or narrow[number] == "#" or level not in ("+", narrow[number]):
            return False
    return len(wide) == len(narrow)


class _Node(Generic[T]):
    __slots__ = ("any", "children", "ends", "rests")

    def __init__(self) -> None:
        self.children: dict[str, _Node[T]] = {}
        self.any: _Node[T] | None = None
        self.ends: list[tuple[Filter, T]] = []  # filters that end here
        self.rests: list[tuple[Filter, T]] = []  # filters that take everything from here


class Topics(Generic[T]):
    """Filters with what they lead to; `match` finds the one that claims a topic."""

    def __init__(self) -> None:
        self._root: _Node[T] = _Node()
        self._rank: dict[int, tuple[int, int, int]] = {}

    def add(self, filter_: Filter, target: T, *, priority: int = 0) -> None:
        """Of the filters that match a topic the highest priority wins, then the longest, then the first added."""
        node = self._root
        for level in filter_.levels:
            if level is None:
                node.any = node.any or _Node()
                node = node.any
            else:
                node = node.children.setdefault(level, _Node())
        (node.rests if filter_.rest else node.ends).append((filter_, target))
        self._rank[id(filter_)] = (priority, len(filter_.mqtt), -len(self._rank))

    def match(self, topic: str) -> tuple[Filter, T] | None:
        """The filter that claims the topic, and its target."""
        found: list[tuple[Filter, T]] = []
        levels = topic.split("/")
        nodes = [self._root]
        for number, level in enumerate(levels):
            # MQTT 4.7.2: a wildcard on the first level does not match topics of the broker itself.
            wild = number > 0 or not topic.startswith("$")
            found += [hit for node in nodes if wild or node is not self._root for hit in node.rests]
            nodes = [child for node in nodes for child in _children(node, level, wild=wild)]
        found += [hit for node in nodes for hit in (*node.ends, *node.rests)]  # `a/#` also matches `a`
        return max(found, key=lambda hit: self._rank[id(hit[0])], default=None)


def _children(node: _Node[T], level: str, *, wild: bool) -> list[_Node[T]]:
    exact = node.children.get(level)
    return [child for child in (exact, node.any if wild else None) if child is not None]
