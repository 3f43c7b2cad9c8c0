"""Compositions of several packages behind one command; with ioc.cli the only module here that knows the others."""

from __future__ import annotations

import sys
from datetime import date, timedelta
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from ioc import plugins
from ioc.config import check, folder, report
from ioc.errors import ConfigError, IocError

if TYPE_CHECKING:
    from collections.abc import Sized

    from ioc.config.check import Complaint
    from ioc.config.city import History
    from ioc.config.folder import CityFolder
    from ioc.config.rules import Rule
    from ioc.errors import Fault


def sample_city() -> Path:
    """The folder of the sample city."""
    return Path(str(files("sample_feeds") / "soc_trang"))


def check_folder(path: Path, *, quiet: bool = False) -> int:
    """`ioc check`: print warnings and what the folder holds. Raises ConfigError with every fault."""
    found = folder.read(path)
    parts = check.Parts(
        feed=_check_feed, rule=_check_rule, scene=_check_scene, units=_check_units, channel=_check_channel
    )
    everything = check.everything(found, parts, date.today())
    if found.folder is not None and not any(not f.warning for f in everything):
        everything += _rule_tests(found.folder)
    faults = [f for f in everything if not f.warning]
    for warning in (f for f in everything if f.warning and not quiet):
        print(f"warning: {warning}", file=sys.stderr)
    if faults or found.folder is None:
        raise ConfigError(faults)
    if not quiet:
        print(f"{path}: sound. {_contents(found.folder)}")
    return 0


def _rule_tests(city: CityFolder) -> list[Fault]:
    """The city's own tests of its rules, where the rules themselves are sound."""
    from alerts import ruletests

    return ruletests.faults(city)


def _contents(city: CityFolder) -> str:
    counts: dict[str, Sized] = {
        "feeds": city.feeds, "metrics": city.metrics, "sensors": city.sensors, "areas": city.areas,
        "rules": city.rules, "scenes": city.scenes, "contacts": city.contacts,
    }  # fmt: skip
    return ", ".join(f"{len(things)} {name}" for name, things in counts.items())


def _check_feed(key: str, city: CityFolder) -> list[Complaint]:
    """Whether the format exists and accepts the feed's options, and whether a pulled feed can be pulled."""
    feed = city.feeds[key]
    found = _check_part("ingest.formats", "format", feed.format, feed.options, compiles=True)
    if feed.http is not None:
        from ingest.polling import faults_of

        faults = faults_of(feed.topics[:1], feed.http)  # the topic itself is checked with all the others
        found += [(tuple(place.split(".")), what, hint) for place, what, hint in faults if place != "topic"]
    return found


def _check_channel(key: str, city: CityFolder) -> list[Complaint]:
    """Whether the kind exists and accepts the channel's options, and whether its secrets can be read here."""
    channel = city.city.channels[key]
    found = _check_part("alerts.channels", "kind", channel.kind, channel.options, compiles=True)
    return [(("channels", key, *place), what, hint) for place, what, hint in found]


def _check_rule(key: str, city: CityFolder) -> list[Complaint]:
    """Whether the kind exists, accepts the rule's options, and can make levels of them."""
    rule = city.rules[key]
    complaints = _check_part("alerts.rules", "kind", rule.kind, rule.options, compiles=False)
    if complaints:
        return complaints
    from alerts.verdict import Known

    module = plugins.load("alerts.rules", rule.kind)
    units = {key: metric.unit for key, metric in city.metrics.items()}
    known = Known(city.thresholds, date.today(), units, city.rules, city.city.tz)
    options = module.Options.model_validate(rule.options)
    try:
        list(module.specs(rule, options, known))
    except ValueError as error:
        return [(("options",), str(error), "")]
    return _beyond_retention(rule, city.city.history)


def _beyond_retention(rule: Rule, history: History) -> list[Complaint]:
    """A rule that looks back further than readings are kept would judge, or learn from, what is gone."""
    from alerts import lookback

    back = lookback.of(rule)
    if back <= history.readings:
        return []
    what = f"it looks back {_days(back)}, and readings are kept for {_days(history.readings)} only"
    enough = -(-back // timedelta(days=1))
    hint = f'write readings = "{enough}d" or more under [history] in city.toml, or let it look back less'
    return [(("kind",), what, hint)]


def _days(span: timedelta) -> str:
    return f"{span / timedelta(days=1):.3g} days"


def _check_scene(key: str, city: CityFolder) -> list[Complaint]:
    """Whether the kind of each widget exists and accepts its options."""
    return [
        (("widget", number, *place), what, hint)
        for number, widget in enumerate(city.scenes[key].widget)
        for place, what, hint in _check_part("dashboards.widgets", "kind", widget.kind, widget.options, compiles=False)
    ]


def _check_part(package: str, word: str, name: str, options: dict[str, object], *, compiles: bool) -> list[Complaint]:
    known = plugins.names(package)
    if name not in known:
        return [
            ((word,), f"there is no {word} {name!r}", report.nearest(name, known) or f"there are: {', '.join(known)}")
        ]
    module = plugins.load(package, name)
    try:
        accepted = module.Options.model_validate(options)
        if compiles:
            module.compile(accepted)
    except ValidationError as error:
        return [_complaint(module.Options, e) for e in error.errors()]
    except (IocError, ValueError, LookupError) as error:
        return [(("options",), str(error), "")]
    return []


def _complaint(model: type, error: Any) -> Complaint:
    told = report.fault("", "", model, error)
    return ("options", *error["loc"]), told.what, told.hint


def _check_units(source: str, target: str) -> str:
    from ioc.units import UnitError, conversion

    try:
        conversion(source, target)
    except UnitError as error:
        return str(error)
    return ""
