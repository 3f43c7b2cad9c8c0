"""A record of a service feed as an event: its key, kind, status, severity and what is worth keeping."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ingest.formats._scope import scoped
from ingest.formats._values import number, text
from ioc.config.types import Model
from ioc.errors import DecodeError
from ioc.records import Event, Record

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ingest.formats._scope import Get, Scope


class EventFields(Model):
    """Paths; =text is a constant. status: its values in `opened` open, in `closed` close, others change the event."""

    key: str
    kind: str = "=event"
    status: str = "=open"
    opened: list[str] = ["open", "opened", "new", "start", "started", "active", "submitted"]
    closed: list[str] = ["closed", "close", "end", "ended", "resolved", "fixed", "done", "cancelled", "cancel"]
    title: str = "="
    severity: str | None = None
    severities: dict[str, int] = {}  # text -> 0..4; a number is taken as it is
    properties: list[str] = []


def events(plan: EventFields, time: Get, where: Get | None) -> Any:
    """One event a record."""
    key, kind, status, title = (scoped(p) for p in (plan.key, plan.kind, plan.status, plan.title))
    severity = scoped(plan.severity) if plan.severity else lambda _: 0
    properties = [(path.rsplit(".", 1)[-1].strip("\"'"), scoped(path)) for path in plan.properties]

    def build(scope: Scope) -> Iterator[Record]:
        if (who := text(key(scope))) is None:
            raise DecodeError("no_key", f"nothing usable at {plan.key!r}")
        point = where(scope) if where else None
        kept = {name: value for name, get in properties if (value := get(scope)) is not None}
        lat, lon = point or (None, None)
        state, level = _status(status(scope), plan), _severity(severity(scope), plan)
        called = text(title(scope)) or ""
        yield Event(who, text(kind(scope)) or "event", state, called, time(scope), lat, lon, level, kept or None)

    return build


def _status(said: Any, plan: EventFields) -> str:
    word = str(said).lower()
    if word in {w.lower() for w in plan.closed}:
        return "closed"
    return "open" if word in {w.lower() for w in plan.opened} else "changed"


def _severity(said: Any, plan: EventFields) -> int:
    known = plan.severities.get(str(said))
    return max(0, min(4, int(known if known is not None else number(said) or 0)))
