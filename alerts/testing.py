"""`ioc rules test`: what a rule would have done, as a report for the terminal, a picture or JSON."""

from __future__ import annotations

import time
import tomllib
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from alerts import tester
from ioc.config import folder as folders
from ioc.config.rules import Rule
from ioc.errors import IocError
from ioc.store import database, rule_tests
from ioc.up.found import database_url

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable

    from rich.table import Table

    from ioc.config.folder import CityFolder
    from ioc.settings import Settings
    from ioc.store.database import Connection

_BARS = " ▁▂▃▄▅▆▇█"
_OWN = frozenset(Rule.model_fields) - {"key", "kind", "options"}
_PATIENCE_S = 120.0
_SHOWN = 12


def command(args: argparse.Namespace, settings: Settings) -> int:
    """Raises ConfigError, IocError."""
    city = folders.load(args.folder) if args.folder else None
    with database.connect(database_url(settings, args.data), name="ioc rules test", autocommit=True) as conn:
        zone = city.city.tz if city else ZoneInfo(rule_tests.zone(conn))
        rule = changed(_rule(conn, city, args.rule), args.set)
        end = moment(args.end, zone) if args.end else datetime.now(UTC)
        start = moment(args.start, zone) if args.start else end - timedelta(days=30)
        if start >= end:
            raise IocError("--from must be before --to")
        found = _here(conn, city, rule, start, end) if city else _asked(conn, rule, start, end)
    if args.chart:
        from alerts import testchart

        args.chart.write_bytes(testchart.draw(found, zone))
    if args.json:
        import orjson

        print(orjson.dumps(found).decode())
    else:
        _show(found, rule, zone)
    return 0


def _rule(conn: Connection, city: CityFolder | None, key: str) -> dict[str, Any]:
    """As in a rule file; from the folder where one is named."""
    if city is None:
        found = rule_tests.settings_of(conn, key)
    else:
        found = city.rules[key].model_dump(mode="json") if key in city.rules else None
    if found is None:
        raise IocError(f"there is no rule {key!r} in {'the store' if city is None else city.path}")
    return found


def changed(rule: dict[str, Any], changes: Iterable[str]) -> dict[str, Any]:
    """With NAME=VALUE put in: a field of the rule, else an option of its kind. Raises IocError."""
    options = dict(rule.get("options", {}))
    found = {**rule, "options": options}
    for change in changes:
        name, equals, text = change.partition("=")
        if not equals:
            raise IocError(f"--set {change}: write NAME=VALUE, as in on_delay=10min")
        (found if name.strip() in _OWN else options)[name.strip()] = _value(text.strip())
        if name.strip() == "deadband":
            options.pop("clear", None)
        if name.strip() == "clear":
            options.pop("deadband", None)
    return found


def _value(text: str) -> Any:
    """As TOML has it, where it is TOML; the text itself otherwise."""
    try:
        return tomllib.loads(f"v = {text}")["v"]
    except tomllib.TOMLDecodeError:
        return text


def moment(text: str, zone: ZoneInfo) -> datetime:
    """'2026-05-01' or '2026-05-01T18:00', of the city's clock unless it says otherwise. Raises IocError."""
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        raise IocError(f"{text!r} is no day or time: write 2026-05-01 or 2026-05-01T18:00") from None
    return when if when.tzinfo else when.replace(tzinfo=zone)


def _here(conn: Connection, city: CityFolder, rule: dict[str, Any], start: datetime, end: datetime) -> dict[str, Any]:
    from pydantic import ValidationError

    from alerts import backtest

    try:
        watched = tester.watch(conn, Rule.model_validate(rule), city.thresholds, end, city.city.tz)
    except ValidationError as error:
        raise IocError(tester.said(error)) from None
    except (LookupError, ValueError) as error:
        raise IocError(str(error)) from None
    return backtest.run(conn, watched, city.city.tz, start, end).as_json()


def _asked(conn: Connection, rule: dict[str, Any], start: datetime, end: datetime) -> dict[str, Any]:
    """By the engine that runs, which knows the city's thresholds, as a screen would ask."""
    number, deadline = rule_tests.ask(conn, rule, start, end, "ioc rules test"), time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline:
        answer = rule_tests.answer(conn, number)
        if answer is not None and answer.done:
            if answer.result is None:
                raise IocError(answer.error)
            return answer.result
        time.sleep(0.1)
    raise IocError("nobody evaluates rules on this database now: name the city folder, and it is worked out here")


def spark(values: Iterable[float]) -> str:
    """One bar a value, as high as the highest is; what is not nothing is seen."""
    all_values = list(values)
    top = max(all_values, default=0) or 1
    return "".join(_BARS[0] if v <= 0 else _BARS[max(1, round(v / top * 8))] for v in all_values)


def _show(found: dict[str, Any], rule: dict[str, Any], zone: ZoneInfo) -> None:
    from rich.console import Console

    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = max(console.width, 120)
    start, end = (datetime.fromisoformat(found[k]).astimezone(zone) for k in ("start", "end"))
    console.print(
        f"{rule['key']} ({rule['kind']}), {start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} {zone}", markup=False
    )
    console.print(_summary(found), markup=False)
    if found["alarms"]:
        days = list(found["days"].values())
        console.print(f"alarms by day   |{spark(d[0] for d in days)}|", markup=False)
        console.print(f"hours by day    |{spark(d[1] for d in days)}|", markup=False)
        console.print(f"by hour 0..23   |{spark(found['clock_hours'])}|", markup=False)
        console.print(_targets(found))
    console.print(_options(found))
    console.print(f"worked out in {found['took']:.1f} s", style="dim")


def _summary(found: dict[str, Any]) -> str:
    looked = f"{found['considered']:,} of {found['watched']:,} targets had data, {found['readings']:,} readings"
    if not found["alarms"]:
        return f"would not have fired; {looked}"
    longest = timedelta(seconds=round(found["longest"]))
    return (
        f"would have fired {found['alarms']:,} times, {found['hours']:,.1f} hours in all, longest {longest}; {looked}"
    )


def _targets(found: dict[str, Any]) -> Table:
    table = _table("target", "alarms", "hours")
    for name, alarms, hours in found["targets"][:_SHOWN]:
        table.add_row(_text(name), f"{alarms:,}", f"{hours:,.1f}")
    if more := len(found["targets"]) - _SHOWN:
        table.caption = f"and {more:,} more" if more > 0 else None
    return table


def _options(found: dict[str, Any]) -> Table:
    """Delays down, dead-bands across: alarms and hours."""
    bands = list(dict.fromkeys(o["band"] for o in found["options"]))
    table = _table("on_delay", *("as it is" if b is None else f"deadband {b:g}" for b in bands))
    table.title = "alarms / hours with another delay or dead-band"
    rows: dict[float, list[str]] = {}
    for option in found["options"]:
        mark = " *" if option["current"] else ""
        rows.setdefault(option["on_delay"], []).append(f"{option['alarms']:,} / {option['hours']:,.1f}{mark}")
    for delay, cells in rows.items():
        table.add_row(str(timedelta(seconds=delay)), *cells)
    table.caption = "* the rule as it is"
    return table


def _table(first: str, *others: str) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE, title_justify="left", caption_justify="left", pad_edge=False)
    table.add_column(first)
    for name in others:
        table.add_column(name, justify="right")
    return table


def _text(text: str) -> str:
    from rich.markup import escape

    return escape(text)
