"""Follows the audit's chain a piece at a time, once for all who look; and says what came of it."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from dash import html

from dashboards import parts
from dashboards.context import current
from dashboards.parts import number, word
from ioc.access.chain import Mark
from ioc.store import audit_read

if TYPE_CHECKING:
    from ioc.access.chain import Broken
    from ioc.store.database import Connection

log = logging.getLogger(__name__)
_MOST = 20_000  # rows at once: a fraction of a second
_AGAIN = timedelta(hours=1)  # so long what was followed is not followed anew


@dataclass(slots=True)
class Watched:
    """mark: the last row that fits; head: the newest; began: when this round began; broken: where the chain is."""

    mark: Mark = Mark()  # noqa: RUF009  immutable
    head: Mark = Mark()  # noqa: RUF009  immutable
    began: datetime = datetime(1, 1, 1, tzinfo=UTC)
    at: datetime = datetime(1, 1, 1, tzinfo=UTC)
    broken: Broken | None = None
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


async def look() -> Watched:
    """A piece further. Raises StoreError."""
    known: Watched = current().caches.setdefault("audit-watch", Watched())
    async with known.lock:
        now = datetime.now(UTC)
        if now - known.began > _AGAIN:
            known.mark, known.began, known.broken = Mark(), now, None
        if known.broken is not None:
            return known
        found = await current().read(_follow, known.mark)
        known.mark, known.head, known.at = found.mark, found.head, now
        known.broken = found.broken
        if found.broken is not None:
            log.error(
                "the audit is not whole: row %d is %s; see `ioc audit verify`", found.broken.first, found.broken.fault
            )
    return known


def _follow(conn: Connection, since: Mark) -> audit_read.Verdict:
    return audit_read.verify(conn, since=since, most=_MOST)


def said(known: Watched) -> Any:
    if known.broken is not None:
        what = word(f"audit.{known.broken.fault}", first=number(known.broken.first), last=number(known.broken.last))
        return html.Div([parts.sign("crit", "!!", word("audit.broken")), html.P(what), html.P(word("audit.remedy"))],
                        className="panel box wrong", role="alert")  # fmt: skip
    if known.mark.id < known.head.id:
        return parts.sign("none", "…", word("audit.partly", n=number(known.mark.id), total=number(known.head.id)))
    if not known.head.id:
        return None
    whole = parts.sign("ok", "", word("audit.whole", n=number(known.mark.id), at=parts.when(known.at, seconds=True)))
    return html.Span([whole, " ", html.Code(known.head.hash[:16], title=known.head.hash)])
