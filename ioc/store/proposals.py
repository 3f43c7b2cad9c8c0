"""Proposed feed files: the ingester makes them, a page asks for a trial or for the file, the ingester answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import orjson

from ioc.store import queries

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime

    from ioc.store.database import Connection

Request = Literal["dry_run", "accept", "refuse"]
State = Literal["proposed", "dry_run", "accepted", "live", "refused"]


class Proposed(NamedTuple):
    """One row for the Feeds page. request: asked and not answered yet. result: {summary, lines, faults, error, ..}."""

    id: int
    key: str
    topics: list[str]
    format: str
    toml: str
    edited: bool
    confidence: float
    outcome: str
    reasons: list[dict[str, Any]]
    samples: list[dict[str, str]]
    messages: int
    state: State
    request: Request | None
    result: dict[str, Any]
    updated_at: datetime


class Asked(NamedTuple):
    """A request that this ingester now has to answer."""

    id: int
    key: str
    topics: list[str]
    toml: str
    request: Request


def listed(conn: Connection) -> list[Proposed]:
    """Every proposal, what waits for an answer first."""
    return [Proposed._make(row) for row in conn.execute(_sql("list"))]


def ask(conn: Connection, proposal: int, request: Request, *, key: str, toml: str) -> bool:
    """A person wants a trial, the feed, or to be left alone with it; False when it is accepted or gone already.

    key and toml are the file as the person has edited it. An ingester answers within seconds, in state and result.
    """
    asked = {"id": proposal, "request": request, "key": key, "toml": toml}
    return conn.execute(_sql("ask"), asked).fetchone() is not None


def newest_unclaimed(conn: Connection) -> int:
    """Changes when a message came that no feed claims."""
    row = conn.execute(_sql("newest")).fetchone()
    return int(row[0]) if row else 0


def unclaimed(conn: Connection, most: int) -> list[tuple[str, bytes, bool]]:
    """(topic, payload, retained) of the last messages that no feed claims, oldest first."""
    found = conn.execute(_sql("unclaimed"), {"most": most})
    return [(topic, bytes(payload), retained) for topic, payload, retained in found]


def save(conn: Connection, rows: Sequence[dict[str, Any]], feeds: Collection[str], *, most: int = 200) -> None:
    """Keep these proposals, one for each set of topics; feeds: what the city folder has now.

    Each: key, topics, format, toml, confidence, outcome, reasons, samples, messages.
    """
    said = {"rows": _json(list(rows)), "feeds": list(feeds)}
    conn.execute(_sql("save"), said)
    conn.execute(_sql("forget"), {"most": most})


def take(conn: Connection) -> Asked | None:
    """The next request, taken by this ingester alone; None where nobody asks."""
    row = conn.execute(_sql("take")).fetchone()
    return Asked._make(row) if row else None


def answer(conn: Connection, proposal: int, state: State, result: dict[str, Any]) -> None:
    """What came of a request."""
    said = {"id": proposal, "state": state, "result": _json(result)}
    conn.execute(_sql("answer"), said)


def settle(conn: Connection, feeds: Collection[str]) -> list[int]:
    """Accepted proposals whose feed is in the folder by now: they are live, and this ingester replays for them."""
    return [row[0] for row in conn.execute(_sql("settle"), {"feeds": list(feeds)})]


def _json(value: Any) -> str:
    """JSON that PostgreSQL takes: payloads may hold zero characters, jsonb may not."""
    return orjson.dumps(_clean(value)).decode()


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace("\0", "")
    if isinstance(value, dict):
        return {_clean(key): _clean(inner) for key, inner in value.items()}
    return [_clean(inner) for inner in value] if isinstance(value, list | tuple) else value


def _sql(name: str) -> bytes:
    return queries.load("proposals")[name]
