"""What the files of a city folder say of each other: every name that is used must be there, and make sense.

`references` needs only the folder. `parts` also asks the formats and rule kinds about their own options; those live in
other packages, so the command line passes the questions in.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ioc.config import duty_check, geometry, topics
from ioc.config.report import nearest
from ioc.errors import Fault

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from datetime import date

    from ioc.config.folder import CityFolder, Reading
    from ioc.config.places import Sensor
    from ioc.config.rules import Scope

_FOLDERS = ("feeds", "rules", "scenes", "thresholds")
Place: TypeAlias = tuple[int | str, ...]
Spot: TypeAlias = tuple[str, str, Place]  # part, key, place below it
Complaint: TypeAlias = tuple[Place, str, str]  # place below the feed or rule, what, hint


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What the other packages know.

    feed, rule, scene: (key, folder) -> complaints about that one's format, kind or widgets and their options.
    units: (from, to) -> why one cannot become the other, or ''.
    """

    feed: Callable[[str, CityFolder], list[Complaint]]
    rule: Callable[[str, CityFolder], list[Complaint]]
    scene: Callable[[str, CityFolder], list[Complaint]]
    units: Callable[[str, str], str]
    channel: Callable[[str, CityFolder], list[Complaint]] = lambda *_: []


def everything(found: Reading, parts: Parts, today: date) -> list[Fault]:
    """Faults of the files themselves, then of what they say of each other, then warnings."""
    faults = found.faults + references(found)
    if found.folder is not None:
        faults += [*_asked(found, found.folder, parts), *_reviews(found, found.folder, today)]
        faults += duty_check.warnings(found, found.folder, today)
    return sorted([*faults, *_strays(found)], key=lambda f: f.warning)


def _strays(found: Reading) -> Iterator[Fault]:
    """Files and folders beside the known ones that nobody reads: most likely a slip of the pen."""
    for item in sorted(found.path.iterdir()):
        if item.is_dir() and item.name not in _FOLDERS and (near := nearest(item.name, _FOLDERS)):
            yield Fault(f"{item.name}/", "", "is not read", near, warning=True)
    for folder in _FOLDERS:
        for item in sorted((found.path / folder).glob("*")):
            if f"{folder}/{item.name}" == "rules/tests" and item.is_dir():
                continue  # the city's own tests of its rules
            if not item.name.startswith((".", "README")) and (item.suffix != ".toml" or not item.is_file()):
                hint = "files here end in .toml" if item.suffix != ".toml" else "it leads nowhere"
                yield Fault(f"{folder}/{item.name}", "", "is not read", hint, warning=True)


def references(found: Reading) -> list[Fault]:
    """Faults and warnings that the folder alone shows."""
    city = found.folder
    if city is None:
        return []
    names = _Names(found, city)
    checks = (_feeds, _metrics, _sensors, _rules, _scenes, _contacts, _thresholds)
    return [f for check in checks for f in check(found, city, names)] + [
        *topics.overlaps(found, city), *geometry.faults(found, city), *duty_check.references(found, city),
    ]  # fmt: skip


class _Names:
    """Answers "is there such a ...?" with a fault and the nearest name."""

    def __init__(self, found: Reading, city: CityFolder) -> None:
        self._found = found
        self._known: dict[str, set[str]] = {
            "domain": set(city.city.domains),
            "metric": set(city.metrics),
            "feed": {key for part, key in found.where if part == "feeds"},
            "sensor": set(city.sensors),
            "area": {a.key for a in city.areas},
            "tag": {tag for s in city.sensors.values() for tag in s.tags},
            "channel": set(city.city.channels),
            "level": {f"{pack}.{lv.key}" for pack, p in city.thresholds.items() for lv in p.level},
        }
        parts = {"domain": "city", "level": "thresholds", "channel": "city", "tag": "sensors"}
        self._unsure = {what for what in self._known if parts.get(what, f"{what}s") in found.broken}
        self._aliases = city.aliases
        self._discovers = any(f.discover and f.enabled for f in city.feeds.values())

    def missing(self, what: str, name: str, place: Spot) -> Iterator[Fault]:
        """Nothing where it is there, or where its own file is broken and the fault told already."""
        known = self._known[what]
        if not name or name in known or what in self._unsure:
            return
        if name.endswith("*") and any(k.startswith(name[:-1]) for k in known):
            return
        # A sensor may yet announce itself by its messages, where a feed allows that.
        warning = what in ("sensor", "tag") and self._discovers
        hint = self._renamed(what, name) or nearest(name, known) or _DECLARED[what]
        yield self._found.fault(*place, f"there is no {what} {name!r}", hint, warning=warning)

    def _renamed(self, what: str, name: str) -> str:
        return f"it is {self._aliases[name]!r} now" if what == "sensor" and name in self._aliases else ""

    def all_missing(self, what: str, names: Iterable[str], place: Spot) -> Iterator[Fault]:
        for name in names:
            yield from self.missing(what, name, place)


_DECLARED = {
    "domain": "declare it in city.toml as [domains.KEY]", "metric": "declare it in metrics.toml as [KEY]",
    "feed": "a feed is a file feeds/KEY.toml", "sensor": "declare it in sensors.geojson",
    "channel": "declare it in city.toml as [channels.KEY]",
    "area": "declare it in areas.geojson", "tag": "give it to a sensor: property tags in sensors.geojson",
    "level": "a level is written as pack.level of thresholds/*.toml",
}  # fmt: skip


def _feeds(found: Reading, city: CityFolder, names: _Names) -> Iterator[Fault]:
    for key, feed in city.feeds.items():
        yield from names.missing("domain", feed.domain, ("feeds", key, ("domain",)))
        for place, metrics in (("only", feed.only or ()), ("units", feed.units), ("constants", feed.constants)):
            yield from names.all_missing("metric", metrics, ("feeds", key, (place,)))
        yield from names.all_missing("metric", feed.rename.values(), ("feeds", key, ("rename",)))
        yield from _zone(found, feed.zone, ("feeds", key, ("zone",)))
        for fault in topics.faults(feed):
            yield found.fault("feeds", key, ("topic",), fault)


def _metrics(found: Reading, city: CityFolder, names: _Names) -> Iterator[Fault]:
    for key, metric in city.metrics.items():
        yield from names.missing("domain", metric.domain, ("metrics", key, ("domain",)))
        if metric.low is not None and metric.high is not None and metric.low >= metric.high:
            yield found.fault("metrics", key, ("low",), f"low {metric.low:g} is not below high {metric.high:g}")
        if list(metric.steps) != sorted(metric.steps, key=lambda step: step[0]):
            yield found.fault("metrics", key, ("steps",), "the levels do not rise")


def _sensors(_: Reading, city: CityFolder, names: _Names) -> Iterator[Fault]:
    """The same slip stands in many rows of a table: told once, with how often."""
    wrong: Counter[tuple[str, str]] = Counter()
    for sensor in city.sensors.values():
        for what, name in (("feed", sensor.feed), ("domain", sensor.domain)):
            wrong[what, name] += bool(list(names.missing(what, name, ("sensors", sensor.key, ()))))
    for (what, name), count in wrong.items():
        if count:
            fault = next(names.missing(what, name, ("sensors", "", ())))
            yield Fault(
                "sensors", what, f"{fault.what}, which {count} sensor{'s name' if count > 1 else ' names'}", fault.hint
            )


def _rules(found: Reading, city: CityFolder, names: _Names) -> Iterator[Fault]:
    for key, rule in city.rules.items():
        scope = rule.scope
        asked = (("metric", scope.metrics), ("domain", scope.domains), ("feed", scope.feeds),
                 ("sensor", scope.sensors), ("area", scope.areas), ("tag", scope.tags))  # fmt: skip
        for what, wanted in asked:
            yield from names.all_missing(what, wanted, ("rules", key, ("scope", f"{what}s")))
        if rule.enabled and city.sensors and not any(_within(s, scope, city) for s in city.sensors.values()):
            what, hint = (
                "no sensor is in its scope: it watches nothing",
                "its lists must be true of one sensor together",
            )
            yield found.fault("rules", key, ("scope",), what, hint, warning=True)
        for option in ("above", "below", "clear"):
            level = rule.options.get(option)
            if isinstance(level, str) and not level.startswith("sensor."):
                yield from names.missing("level", level, ("rules", key, ("options", option)))


_NAMED = {
    "metric": "metric", "sensor": "sensor", "sensors": "sensor", "area": "area", "areas": "area", "domains": "domain",
    "level": "level", "levels": "level",
}  # fmt: skip


def _within(sensor: Sensor, scope: Scope, city: CityFolder) -> bool:
    """Whether the folder's own facts leave the sensor in the scope; a feed that discovers may bring any sensor."""
    feed = city.feeds.get(sensor.feed)
    if any(f.discover and f.enabled and (not scope.feeds or k in scope.feeds) for k, f in city.feeds.items()):
        return True
    named = not scope.sensors or any(
        sensor.key == s or (s.endswith("*") and sensor.key.startswith(s[:-1])) for s in scope.sensors
    )
    domain = sensor.domain or (feed.domain if feed else "")
    domains = {domain, *(city.metrics[m].domain for m in scope.metrics if m in city.metrics)}
    return (
        named
        and (not scope.feeds or sensor.feed in scope.feeds)
        and (not scope.domains or bool(domains & set(scope.domains)))
        and (not scope.tags or bool(set(scope.tags) & set(sensor.tags)))
    )


def _scenes(found: Reading, city: CityFolder, names: _Names) -> Iterator[Fault]:
    """A widget that names what is not there says so in its own box: a warning, and the wall goes on."""
    for key, scene in city.scenes.items():
        yield from names.all_missing("domain", scene.domains, ("scenes", key, ("domains",)))
        for number, widget in enumerate(scene.widget):
            place = ("widget", number, "options")
            for option, what in _NAMED.items():
                named = widget.options.get(option) or []
                for name in [named] if isinstance(named, str) else named if isinstance(named, list) else []:
                    missing = names.missing(what, str(name), ("scenes", key, (*place, option)))
                    yield from (replace(fault, warning=True) for fault in missing)
            if widget.options.get("sensor") and widget.options.get("area"):
                yield found.fault("scenes", key, place, "has both a sensor and an area", "keep one")


def _contacts(found: Reading, city: CityFolder, names: _Names) -> Iterator[Fault]:
    for key, contact in city.contacts.items():
        yield from names.all_missing("domain", contact.domains, ("contacts", key, ("domains",)))
        yield from names.all_missing("area", contact.areas, ("contacts", key, ("areas",)))
        yield from _zone(found, contact.zone, ("contacts", key, ("zone",)))
        for number, way in enumerate(contact.channels):
            yield from names.missing("channel", way.by, ("contacts", key, ("channels", number, "by")))
    if city.rules and not city.contacts and "contacts" not in found.broken:
        what = "nobody gets the alarm mails"
        yield Fault("contacts.toml", "", what, "add a [[contact]] with key, name and email", warning=True)


def _thresholds(found: Reading, city: CityFolder, names: _Names) -> Iterator[Fault]:
    for key, pack in city.thresholds.items():
        for number, level in enumerate(pack.level):
            yield from names.missing("metric", level.metric, ("thresholds", key, ("level", number, "metric")))
            yield from names.all_missing("sensor", level.sensors, ("thresholds", key, ("level", number, "sensors")))
            if level.valid_from and level.valid_to and level.valid_from >= level.valid_to:
                what = f"valid_from {level.valid_from} is not before valid_to {level.valid_to}"
                yield found.fault("thresholds", key, ("level", number, "valid_from"), what)


def _zone(found: Reading, zone: str | None, place: Spot) -> Iterator[Fault]:
    try:
        ZoneInfo(zone or "UTC")
    except (ZoneInfoNotFoundError, ValueError):
        yield found.fault(*place, f"no such time zone: {zone!r}", "write an IANA name such as Asia/Ho_Chi_Minh")


def _asked(found: Reading, city: CityFolder, parts: Parts) -> Iterator[Fault]:
    """What the formats and rule kinds say, and whether units can become the metrics' units."""
    asked = [("feeds", key, parts.feed(key, city)) for key in city.feeds]
    asked += [("rules", key, parts.rule(key, city)) for key in city.rules]
    asked += [("scenes", key, parts.scene(key, city)) for key in city.scenes]
    asked += [("city", "", parts.channel(key, city)) for key in city.city.channels]
    for part, key, complaints in asked:
        for place, what, hint in complaints:
            yield found.fault(part, key, place, what, hint)
    for key, feed in city.feeds.items():
        for place, metric, unit in feed.declared_units:
            target = city.metrics[metric].unit if metric in city.metrics else unit
            if why := parts.units(unit, target):
                yield found.fault("feeds", key, place, why)


def _reviews(found: Reading, city: CityFolder, today: date) -> Iterator[Fault]:
    for key, rule in city.rules.items():
        if rule.review_by < today:
            what = f"was to be reviewed by {rule.review_by}"
            yield found.fault(
                "rules", key, ("review_by",), what, f"{rule.owner} decides and dates it anew", warning=True
            )
