"""Reads a whole city folder; the one entry of this package.

Effects end here: what is returned is frozen. `load` raises ConfigError with every fault it found.
"""

from __future__ import annotations

import hashlib
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from ioc.config.city import City
from ioc.config.contacts import Contacts
from ioc.config.feeds import Feed
from ioc.config.metrics import Metric
from ioc.config.rules import RuleFile
from ioc.config.scenes import Scene
from ioc.config.thresholds import ThresholdPack
from ioc.errors import ConfigError, Fault

if TYPE_CHECKING:
    from ioc.config.contacts import Contact
    from ioc.config.places import Area, Sensor
    from ioc.config.rules import Rule

T = TypeVar("T")


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


def digest(path: Path) -> str:
    """A hash over names and contents of the folder's files."""
    total = hashlib.sha256()
    for file in sorted(p for p in path.rglob("*") if p.is_file() and not p.name.startswith(".")):
        total.update(str(file.relative_to(path)).encode() + b"\0" + file.read_bytes() + b"\0")
    return total.hexdigest()[:16]


def load(path: Path) -> CityFolder:
    """Read and check the folder. Raises ConfigError."""
    from ioc.city import read_areas, read_sensors  # geopandas is slow to import: only when a folder is read

    faults: list[Fault] = []
    if not (path / "city.toml").is_file():
        raise ConfigError([Fault(str(path), "", "no city.toml here", "name a city folder, e.g. `ioc up my-city/`")])
    city = _read(path / "city.toml", City, faults, path)
    metrics = _read(path / "metrics.toml", dict[str, Metric], faults, path) or {}
    contacts = _read(path / "contacts.toml", Contacts, faults, path) or Contacts()
    rules = [r for f in _files(path, "rules") if (found := _read(f, RuleFile, faults, path)) for r in found.rule]
    result = {
        "metrics": metrics,
        "feeds": _stems(path, "feeds", Feed, faults),
        "thresholds": _stems(path, "thresholds", ThresholdPack, faults),
        "scenes": _stems(path, "scenes", Scene, faults),
        "sensors": {s.key: s for s in read_sensors(path, faults)},
        "areas": read_areas(path, faults),
        "rules": {r.key: r for r in rules},
        "contacts": {c.key: c for c in contacts.contact},
    }
    if faults or city is None:
        raise ConfigError(faults)
    return CityFolder(path=path, digest=digest(path), city=city, **result)  # type: ignore[arg-type]


def _files(path: Path, part: str) -> list[Path]:
    return sorted((path / part).glob("*.toml"))


def _stems(path: Path, part: str, model: type[T], faults: list[Fault]) -> dict[str, T]:
    found = ((file.stem, _read(file, model, faults, path)) for file in _files(path, part))
    return {stem: value for stem, value in found if value is not None}


def _read(file: Path, model: type[T], faults: list[Fault], root: Path) -> T | None:
    name = str(file.relative_to(root))
    if not file.is_file():
        return None
    try:
        data: Any = tomllib.loads(file.read_text(encoding="utf-8"))
        return TypeAdapter(model).validate_python(data)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        faults.append(Fault(name, "", f"not TOML: {error}"))
    except ValidationError as error:
        faults += [_fault(name, e) for e in error.errors()]
    return None


def _fault(file: str, error: Any) -> Fault:
    place = ".".join(str(part) for part in error["loc"])
    message = error["msg"].removeprefix("Value error, ")
    hint = "remove it or check its spelling" if error["type"] == "extra_forbidden" else ""
    return Fault(file, place, message, hint)


def schemas() -> dict[str, dict[str, Any]]:
    """JSON Schemas for editors, by file kind."""
    models: dict[str, Any] = {
        "city": City, "metrics": dict[str, Metric], "feed": Feed, "rules": RuleFile, "thresholds": ThresholdPack,
        "scene": Scene, "contacts": Contacts,
    }  # fmt: skip
    return {name: TypeAdapter(model).json_schema() for name, model in models.items()}


__all__ = ["CityFolder", "digest", "load", "schemas"]
