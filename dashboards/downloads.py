"""What is on a screen, as a file: readings, events or alarms of a span, written by the same hand as `ioc export`."""

from __future__ import annotations

import asyncio
import tempfile
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO

from fastapi import APIRouter, Query, Response
from fastapi.responses import FileResponse, PlainTextResponse
from pydantic import AfterValidator, BaseModel, Field
from starlette.background import BackgroundTask

from dashboards import reach
from dashboards.context import current
from dashboards.viewer import CURRENT, who
from ioc import plugins
from ioc.errors import StoreError
from ioc.export.contract import Options
from ioc.store import database, export, export_rows, screens
from ioc.store.pieces import ALWAYS

if TYPE_CHECKING:
    from collections.abc import Collection

    from ioc.store.database import Connection

router = APIRouter(tags=["files"])
FORMATS = {
    "csv": "text/csv; charset=utf-8", "parquet": "application/vnd.apache.parquet",
    "geoparquet": "application/vnd.apache.parquet", "geojson": "application/geo+json",
}  # fmt: skip
_AT_ONCE = asyncio.Semaphore(2)  # files being written: each takes a connection and a part of a core
_MOST = 20_000_000  # rows: more than a browser's file should hold; `ioc export` has no such limit


_KINDS = {kind: {"schema": {"type": "string", "contentMediaType": kind}} for kind in sorted(set(FORMATS.values()))}
_FILES: Any = {200: {"description": "The file, as an attachment.", "content": _KINDS}}


class TooMuchError(StoreError):
    """More rows than a download may have."""


def _time(said: str) -> str:
    """A time that is one, also in UTC. Raises ValueError."""
    if said and not 4 <= datetime.fromisoformat(said).year <= 9996:
        raise ValueError(f"{said}: years go from 4 to 9996")
    return said


def _one_of(kinds: Collection[str], fault: str) -> Any:
    def known(said: str) -> str:
        if said not in kinds:
            raise ValueError(fault.format(said[:40]) + f"; there are: {', '.join(kinds)}")
        return said

    return AfterValidator(known), Field(json_schema_extra={"enum": list(kinds)})


_Keys = Annotated[list[Annotated[str, Field(max_length=500)]], Field(max_length=200)]
_Time = Annotated[str, Field(max_length=40, json_schema_extra={"format": "date-time"}), AfterValidator(_time)]


class Asked(BaseModel):
    """A wish in an address. series: numbers with commas between; they stand for sensor and metric."""

    what: Annotated[str, *_one_of(export.KINDS, "there is no {!r} to export")] = "readings"
    format: Annotated[str, *_one_of(FORMATS, "there is no format {!r}")] = "csv"
    series: Annotated[str, Field(max_length=10_000, pattern=r"^[0-9, ]*$")] = ""
    sensor: _Keys = []
    metric: _Keys = []
    feed: _Keys = []
    area: _Keys = []
    start: _Time = ""
    stop: _Time = ""


@router.get("/export", response_class=FileResponse, responses=_FILES)
async def download(asked: Annotated[Asked, Query()]) -> Response:
    """Rows of the store as a file: readings, events or alarms with start <= time < stop, ISO 8601."""
    reach.files(asked.feed)
    form = asked.format
    with tempfile.NamedTemporaryFile(prefix="ioc-export-", delete=False) as file:
        path = Path(file.name)
    try:
        async with _AT_ONCE:
            wanted = await current().read(_wanted, asked)
            await asyncio.to_thread(_write, wanted, form, path)
    except (StoreError, ValueError) as error:
        _drop(path)
        return PlainTextResponse(f"{error}\n", 400)
    except BaseException:
        _drop(path)
        raise
    name = f"ioc-{wanted.what}-{wanted.start:%Y%m%d-%H%M}.{form}"
    return FileResponse(path, media_type=FORMATS[form], filename=name, background=BackgroundTask(_drop, path))


def _drop(path: Path) -> None:
    with suppress(OSError):
        path.unlink()


def _wanted(conn: Connection, asked: Asked) -> export.Wanted:
    """The wish of an address. Raises ValueError, ExportError."""
    names = {key: tuple(filter(None, getattr(asked, key))) for key in ("feed", "area", "metric", "sensor")}
    ids = [int(s) for s in asked.series.replace(" ", "").split(",") if s and len(s) < 10]
    if asked.series:
        rows = screens.named_series(conn, ids)
        if not rows:
            raise ValueError("none of these series exists")
        names["sensor"] = tuple({row["sensor_key"] for row in rows})
        names["metric"] = tuple({row["metric"] for row in rows})
    return export.Wanted(
        what=asked.what, feeds=names["feed"], areas=names["area"], metrics=names["metric"], sensors=names["sensor"],
        language=CURRENT.get().language, start=_utc(asked.start, ALWAYS[0]), end=_utc(asked.stop, ALWAYS[1]),
    )  # fmt: skip


def _utc(said: str, otherwise: datetime) -> datetime:
    """A time without a zone is the city's."""
    at = datetime.fromisoformat(said) if said else otherwise
    return (at if at.tzinfo else at.replace(tzinfo=current().zone)).astimezone(UTC)


def _write(wanted: export.Wanted, form: str, path: Path) -> None:
    with current().pool.connection() as conn, path.open("wb") as out:
        rows = _fill(conn, wanted, form, out)
    with database.transaction(current().pool) as conn:
        export.noted(conn, who(), wanted, form, rows)


def _fill(conn: Connection, wanted: export.Wanted, form: str, out: BinaryIO) -> int:
    """Returns how many rows it were."""
    prepared = export.prepare(conn, wanted)
    writer = plugins.load("ioc.export", form).Writer(
        out, export_rows.COLUMNS[wanted.what], Options(prepared.zone, mark=form == "csv")
    )
    rows = 0
    for batch in export_rows.batches(conn, prepared):
        rows += len(batch.columns[0])
        if rows > _MOST:
            raise TooMuchError(f"more than {_MOST:,} rows: choose a shorter span, or use `ioc export`")
        writer.write(batch.columns)
    writer.close()
    return rows
