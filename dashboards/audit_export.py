"""The audit as a file: JSON lines that can be verified anywhere (`ioc audit verify --file`), or a table for people."""

from __future__ import annotations

import asyncio
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import APIRouter, Query, Response
from fastapi.responses import FileResponse
from pydantic import AfterValidator, BaseModel, Field
from starlette.background import BackgroundTask

from dashboards.context import current
from dashboards.viewer import who
from ioc.store import audit, audit_files, audit_read

if TYPE_CHECKING:
    from ioc.store.database import Connection

router = APIRouter(tags=["files"])
_TYPES = {"jsonl": "application/jsonl; charset=utf-8", "csv": "text/csv; charset=utf-8"}
_CONTENT = {kind: {"schema": {"type": "string", "contentMediaType": kind}} for kind in _TYPES.values()}
_FILES: Any = {200: {"description": "The file, as an attachment.", "content": _CONTENT}}
_AT_ONCE = asyncio.Semaphore(1)  # each takes a connection for as long as it is


def _time(said: str) -> str:
    """Raises ValueError where it is no time."""
    if said and not 4 <= datetime.fromisoformat(said).year <= 9996:
        raise ValueError(f"{said}: years go from 4 to 9996")
    return said


_Text = Annotated[str, Field(max_length=200)]
_Time = Annotated[str, Field(max_length=40, json_schema_extra={"format": "date-time"}), AfterValidator(_time)]


class Asked(BaseModel):
    """What is searched for: how who, deed and subject begin, a text anywhere, since <= time < until (city's zone)."""

    format: Literal["jsonl", "csv"] = "jsonl"
    who: _Text = ""
    deed: _Text = ""
    subject: _Text = ""
    text: _Text = ""
    since: _Time = ""
    until: _Time = ""


@router.get("/audit/export", response_class=FileResponse, responses=_FILES)
async def take(asked: Annotated[Asked, Query()]) -> Response:
    """Rows of the audit, oldest first, each with its hash and the one before it."""
    with tempfile.NamedTemporaryFile(prefix="ioc-audit-", delete=False) as file:
        path = Path(file.name)
    try:
        async with _AT_ONCE:
            await current().read(_write, _wanted(asked), asked.format, path)
    except BaseException:
        _drop(path)
        raise
    name = f"ioc-audit-{datetime.now(UTC):%Y%m%d-%H%M}.{asked.format}"
    return FileResponse(path, media_type=_TYPES[asked.format], filename=name, background=BackgroundTask(_drop, path))


def _drop(path: Path) -> None:
    path.unlink(missing_ok=True)


def _wanted(asked: Asked) -> audit_read.Search:
    return audit_read.Search(who=asked.who, deed=asked.deed, subject=asked.subject, text=asked.text,
                             since=_moment(asked.since), until=_moment(asked.until))  # fmt: skip


def _moment(said: str) -> datetime | None:
    at = datetime.fromisoformat(said) if said else None
    return at.replace(tzinfo=current().zone) if at and not at.tzinfo else at


def _write(conn: Connection, wanted: audit_read.Search, form: str, path: Path) -> None:
    with path.open("wb") as out:
        rows = audit_files.write(audit_read.stream(conn, wanted), out, form)
    audit.note(conn, who(), "export.take", "audit", after={"format": form, "rows": rows, **audit_read.said(wanted)})
