"""`ioc export`: what somebody wants of the store, as a file or on standard output."""

from __future__ import annotations

import argparse
import os
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from ioc.settings import Settings
    from ioc.store.database import Connection
    from ioc.store.export import Prepared

_FORMATS = ("csv", "parquet", "geoparquet", "geojson")
_WHAT = ("readings", "rollups", "positions", "events", "alarms")
_EPILOG = """examples:
  ioc export readings --out dust.csv --metric pm2_5 --last 7d
  ioc export rollups --step 1d --area long-phu --map 2025-06-30 --out long-phu.parquet
  ioc export events --feed citizen_reports --from 2026-01-01 --out reports.csv --zone city --excel
  ioc export positions --out buses.geoparquet
  ioc export readings --sensor tide-1 --out - | gzip > tide.csv.gz"""


def register(commands: Any) -> None:
    export = commands.add_parser(
        "export", help="write readings, rollups, positions, events or alarms to CSV, Parquet, GeoParquet or GeoJSON",
        formatter_class=argparse.RawDescriptionHelpFormatter, epilog=_EPILOG,
    )  # fmt: skip
    export.add_argument("what", choices=_WHAT, metavar="WHAT", help=", ".join(_WHAT))
    export.add_argument(
        "--out",
        required=True,
        metavar="FILE",
        help="*.csv, *.parquet, *.geoparquet, *.geojson, or - for CSV on standard output",
    )
    export.add_argument(
        "--format", choices=_FORMATS, metavar="NAME", help="csv, parquet, geoparquet or geojson (by FILE's ending)"
    )
    for name, said in (
        ("feed", "of this feed"),
        ("area", "in this area"),
        ("metric", "of this metric"),
        ("sensor", "of this sensor"),
    ):
        export.add_argument(
            f"--{name}", action="append", default=[], metavar="KEY", help=f"only {said}; may be repeated"
        )
    export.add_argument("--kind", default="", metavar="KIND", help="kind of area that the column `area` names (ward)")
    export.add_argument(
        "--map", type=_day, metavar="DATE", help="areas by the map of this day (else by the map of then)"
    )
    export.add_argument(
        "--from", dest="start", metavar="TIME", help="2026-01-31 or 2026-01-31T06:00, city time, or with +07:00"
    )
    export.add_argument("--to", dest="end", metavar="TIME", help="before this time; a day means its beginning")
    export.add_argument("--last", type=_span, metavar="SPAN", help="instead of --from: 90min, 12h, 7d")
    export.add_argument(
        "--step", choices=("1m", "1h", "1d"), default="1h", metavar="STEP", help="of rollups: 1m, 1h, 1d (1h)"
    )
    export.add_argument(
        "--zone", choices=("utc", "city"), default="utc", metavar="ZONE", help="of times in CSV: utc or city (utc)"
    )
    export.add_argument(
        "--excel", action="store_true", help="CSV with a UTF-8 mark, so that Excel reads the letters right"
    )
    export.add_argument("--language", default="", metavar="XX", help="of names (the city's first)")
    export.set_defaults(handler=_export)


class _Done(NamedTuple):
    rows: int
    first: datetime | None
    last: datetime | None


def _export(args: argparse.Namespace, settings: Settings) -> int:
    from ioc.store import audit, database, export

    form = _form(args)
    settings.require("database_url")
    with database.connect(settings.database_url, name="ioc export", autocommit=True, purpose=database.WHOLE) as conn:
        prepared = export.prepare(conn, _wanted(args, conn))
        if args.out == "-":
            done = _write(conn, prepared, sys.stdout.buffer, form, args)
            sys.stdout.buffer.flush()
        else:
            from ioc.export.files import whole

            with whole(Path(args.out)) as out:
                done = _write(conn, prepared, out, form, args)
        with database.transaction(conn):
            export.noted(conn, audit.terminal(), prepared.wanted, form, done.rows)
    _say(args, done)
    return 0


def _form(args: argparse.Namespace) -> str:
    """The file format. Raises IocError."""
    from ioc.errors import IocError

    named = next((f for f in _FORMATS if args.out.lower().endswith(f".{f}")), "csv" if args.out == "-" else None)
    form = args.format or named
    if form is None:
        raise IocError(f"{args.out}: the ending says no format: end it in .{', .'.join(_FORMATS)}, or give --format")
    if args.out == "-" and form != "csv":
        raise IocError(f"{form} needs a file to go back and forth in: name one with --out")
    return str(form)


def _wanted(args: argparse.Namespace, conn: Connection) -> Any:
    from ioc.errors import IocError
    from ioc.store import export, process

    if args.last and (args.start or args.end):
        raise IocError("--last is a span up to now: leave out --from and --to")
    zone = export.zone(conn)
    start, end = _time(args.start, zone, "--from"), _time(args.end, zone, "--to")
    if args.last:
        start = process.now(conn) - args.last
    times = {name: value for name, value in (("start", start), ("end", end)) if value is not None}
    return export.Wanted(
        what=args.what, feeds=tuple(args.feed), areas=tuple(args.area), metrics=tuple(args.metric),
        sensors=tuple(args.sensor), kind=args.kind, map_day=args.map, step=args.step, language=args.language, **times,
    )  # fmt: skip


def _write(conn: Connection, prepared: Prepared, out: BinaryIO, form: str, args: argparse.Namespace) -> _Done:
    """Every batch through the writer; shows how far it came where somebody looks. Raises ExportError without rows."""
    from ioc import plugins
    from ioc.export.contract import Options
    from ioc.store import export, export_rows

    columns = export_rows.COLUMNS[prepared.wanted.what]
    when = next(n for n, column in enumerate(columns) if column.name in ("time", "opened_at"))
    options = Options(prepared.zone if args.zone == "city" else None, args.excel)
    rows, first, last, writer = 0, None, None, None
    with _bar(args) as show:
        for batch in export_rows.batches(conn, prepared):
            if writer is None and batch.columns[0]:
                writer = plugins.load("ioc.export", form).Writer(out, columns, options)
            if writer is not None:
                writer.write(batch.columns)
            times = batch.columns[when]
            rows += len(times)
            if times:
                first, last = min([*times, first or times[0]]), max([*times, last or times[0]])
            show(batch.done, rows)
    if writer is None or not rows:
        raise export.ExportError(export.nothing(conn, prepared))
    writer.close()
    return _Done(rows, first, last)


def _bar(args: argparse.Namespace) -> Any:
    """A context that gives `show(share, rows)`; silent where standard error is no terminal."""
    from contextlib import nullcontext

    if not sys.stderr.isatty():
        return nullcontext(lambda _done, _rows: None)
    from ioc.export.bar import bar

    return bar(f"{args.what} to {Path(args.out).name}")


def _say(args: argparse.Namespace, done: _Done) -> None:
    size = "" if args.out == "-" else f", {os.path.getsize(args.out):,} bytes"  # noqa: PTH202
    assert done.first is not None
    assert done.last is not None
    span = f"{done.first:%Y-%m-%d %H:%M} to {done.last:%Y-%m-%d %H:%M} UTC"
    print(f"{done.rows:,} {args.what}, {span}, to {args.out}{size}", file=sys.stderr)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"not a day: {text!r}; write 2025-06-30") from None


def _span(text: str) -> timedelta:
    from ioc.config.types import parse_duration

    try:
        found = parse_duration(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    assert isinstance(found, timedelta)
    return found


def _time(text: str | None, zone: ZoneInfo, option: str) -> datetime | None:
    """A time without an offset is the city's. Raises IocError."""
    from ioc.errors import IocError

    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise IocError(
            f"{option}: not a time: {text!r}; write 2026-01-31, 2026-01-31T06:00 or 2026-01-31T06:00+07:00"
        ) from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)
