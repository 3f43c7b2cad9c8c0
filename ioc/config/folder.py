"""Reads a whole city folder; the one entry of this package.

Effects end here: what is returned is frozen. `load` raises ConfigError with every fault it found, in the files
themselves and in what they say of each other.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from ioc.config import report
from ioc.config.city import City
from ioc.config.contacts import Contacts
from ioc.config.duty import Duty, Windows
from ioc.config.feeds import Feed
from ioc.config.metrics import Metric
from ioc.config.rules import RuleFile
from ioc.config.scenes import Scene
from ioc.config.thresholds import ThresholdPack
from ioc.errors import ConfigError, Fault
from ioc.watch import digest

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from ioc.config.contacts import Contact
    from ioc.config.duty import Window
    from ioc.config.places import Area, Sensor
    from ioc.config.rules import Rule

T = TypeVar("T")
_FILES = {"city": "city.toml", "metrics": "metrics.toml", "contacts": "contacts.toml",
          "duty": "duty.toml", "maintenance": "maintenance.toml"}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class CityFolder:
    """Everything one city folder says. Dictionaries are keyed by key; order is the files' order."""

    path: Path
    digest: str  # changes when any file of the folder changes
    city: City
    metrics: dict[str, Metric] = field(default_factory=dict)
    feeds: dict[str, Feed] = field(default_factory=dict)
    sensors: dict[str, Sensor] = field(default_factory=dict)
    areas: list[Area] = field(default_factory=list)
    rules: dict[str, Rule] = field(default_factory=dict)
    thresholds: dict[str, ThresholdPack] = field(default_factory=dict)
    scenes: dict[str, Scene] = field(default_factory=dict)
    contacts: dict[str, Contact] = field(default_factory=dict)
    duty: Duty = field(default_factory=Duty)
    maintenance: dict[str, Window] = field(default_factory=dict)

    @property
    def aliases(self) -> dict[str, str]:
        """What sensors were called -> their keys now."""
        return {old: sensor.key for sensor in self.sensors.values() for old in sensor.was}


def load(path: Path) -> CityFolder:
    """Read and check the folder. Raises ConfigError."""
    from ioc.config import check

    found = read(path)
    faults = [f for f in [*found.faults, *check.references(found)] if not f.warning]
    if faults or found.folder is None:
        raise ConfigError(faults)
    return found.folder


@dataclass(slots=True)
class Reading:
    """What could be read of a folder, sound or not, and where each thing stands.

    texts: each file's text, for line numbers. broken: parts of which something could not be read, so that a reference
    to it is no second fault. where: (part, key) -> (file, place in it). folder: None when city.toml has faults.
    """

    path: Path
    faults: list[Fault] = field(default_factory=list)
    texts: dict[str, str] = field(default_factory=dict)
    broken: set[str] = field(default_factory=set)
    where: dict[tuple[str, str], tuple[str, tuple[int | str, ...]]] = field(default_factory=dict)
    folder: CityFolder | None = None

    def fault(self, part: str, key: str, place: Iterable[int | str], what: str, hint: str = "",
              *, warning: bool = False) -> Fault:  # fmt: skip
        """A fault at a place below the thing `key` of `part`."""
        file, base = self.where.get((part, key), (_FILES.get(part, part), ()))
        whole = (*base, *place)
        return Fault(
            report.at(file, self.texts.get(file, ""), whole), report.dotted(whole), what, hint, warning=warning
        )


def read(path: Path) -> Reading:
    """Read every file of the folder. Raises ConfigError only where there is no folder."""
    from ioc.city import read_areas, read_sensors  # slow to import: only when a folder is read

    if not (path / "city.toml").is_file():
        there = "a file, not a folder" if path.exists() else "there is no such folder"
        what = "no city.toml here" if path.is_dir() else there
        raise ConfigError([Fault(str(path), "", what, "name a city folder: the one that holds city.toml")])
    found = Reading(path)
    city = _toml(found, "city", path / "city.toml", City)
    parts: dict[str, Any] = {
        "metrics": _metrics(found, path / "metrics.toml"),
        "feeds": _stems(found, "feeds", Feed),
        "thresholds": _stems(found, "thresholds", ThresholdPack),
        "scenes": _stems(found, "scenes", Scene),
        "rules": _tables(found, "rules", "rule", _files(path, "rules"), RuleFile),
        "contacts": _tables(found, "contacts", "contact", [path / "contacts.toml"], Contacts),
        "duty": _duty(found, path / "duty.toml"),
        "maintenance": _tables(found, "maintenance", "window", [path / "maintenance.toml"], Windows),
    }
    places: list[Fault] = []
    sensors, parts["areas"] = read_sensors(path, places), read_areas(path, places)
    found.broken |= {"sensors", "areas"} if any(not f.warning for f in places) else set()
    found.faults += places
    parts["sensors"] = _unique_sensors(found, sensors)
    if city is not None:
        found.folder = CityFolder(path=path, digest=digest(path), city=city, **parts)
    return found


def _files(path: Path, part: str) -> list[Path]:
    return sorted((path / part).glob("*.toml"))


def _metrics(found: Reading, file: Path) -> dict[str, Metric]:
    metrics = _toml(found, "metrics", file, dict[str, Metric]) or {}
    for key in metrics:
        found.where["metrics", key] = (file.name, (key,))
    return metrics


def _stems(found: Reading, part: str, model: type[T]) -> dict[str, T]:
    """One thing a file, its key the file's stem."""
    things = {}
    for file in _files(found.path, part):
        found.where[part, file.stem] = (f"{part}/{file.name}", ())
        if (thing := _toml(found, part, file, model)) is not None:
            things[file.stem] = thing
    return things


def _tables(found: Reading, part: str, table: str, files: list[Path], model: type[T]) -> dict[str, Any]:
    """Many things a file, each with its key; the same key twice is a fault."""
    things: dict[str, Any] = {}
    for file in files:
        name = str(file.relative_to(found.path))
        for number, thing in enumerate(getattr(_toml(found, part, file, model), table, ())):
            if thing.key in things:
                other = found.where[part, thing.key][0]
                line = report.at(name, found.texts[name], (table, number, "key"))
                what = f"{table} {thing.key!r} stands twice, the other one in {other}"
                found.faults.append(Fault(line, f"{table}[{number}].key", what, "give each its own key"))
                continue
            things[thing.key] = thing
            found.where[part, thing.key] = (name, (table, number))
    return things


def _duty(found: Reading, file: Path) -> Duty:
    """Rosters and chains are places of their own, as `roster:KEY` and `chain:KEY`; the same key twice is a fault."""
    duty = _toml(found, "duty", file, Duty) or Duty()
    for word, keys in (("roster", [r.key for r in duty.roster]), ("chain", [c.key for c in duty.chain])):
        for number, key in enumerate(keys):
            if ("duty", f"{word}:{key}") in found.where:
                line = report.at(file.name, found.texts[file.name], (word, number, "key"))
                what = f"{word} {key!r} stands twice"
                found.faults.append(Fault(line, f"{word}[{number}].key", what, "give each its own key"))
            found.where.setdefault(("duty", f"{word}:{key}"), (file.name, (word, number)))
    return duty


def _unique_sensors(found: Reading, sensors: list[Sensor]) -> dict[str, Sensor]:
    things: dict[str, Sensor] = {}
    for sensor in sensors:
        if sensor.key in things:
            what = f"sensor {sensor.key!r} stands twice"
            found.faults.append(Fault("sensors", sensor.key, what, "give each its own key"))
        things[sensor.key] = sensor
        found.where["sensors", sensor.key] = ("sensors", (sensor.key,))
    return things


def _toml(found: Reading, part: str, file: Path, model: type[T]) -> T | None:
    name = str(file.relative_to(found.path))
    if not file.is_file():
        return None
    try:
        found.texts[name] = file.read_text(encoding="utf-8-sig")  # some editors put a mark before the first letter
        data: Any = tomllib.loads(found.texts[name])
        return TypeAdapter(model).validate_python(data)
    except UnicodeDecodeError:
        found.faults.append(Fault(name, "", "not UTF-8 text", "save it as UTF-8"))
    except (tomllib.TOMLDecodeError, OSError) as error:
        line = re.search(r"at line (\d+)", str(error))
        found.faults.append(Fault(f"{name}:{line[1]}" if line else name, "", f"not TOML: {error}"))
    except ValidationError as error:
        found.faults += [report.fault(name, found.texts[name], model, e) for e in error.errors()]
    found.broken.add(part)
    return None


def schemas() -> dict[str, dict[str, Any]]:
    """JSON Schemas for editors, by file kind."""
    models: dict[str, Any] = {
        "city": City, "metrics": dict[str, Metric], "feed": Feed, "rules": RuleFile, "thresholds": ThresholdPack,
        "scene": Scene, "contacts": Contacts, "duty": Duty, "maintenance": Windows,
    }  # fmt: skip
    return {name: TypeAdapter(model).json_schema() for name, model in models.items()}


__all__ = ["CityFolder", "Reading", "digest", "load", "read", "schemas"]
