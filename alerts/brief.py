"""Rows of the store -> what a morning brief says, in the reader's words: one screen of a phone."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

from alerts.card import Card, bare, card
from alerts.reader import clean
from ioc.config.types import say
from ioc.errors import IocError, StoreAway
from ioc.language import MINUS, local_clock, local_date, number
from ioc.store import digests, forecast, mail_facts
from ioc.store.database import transaction

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from alerts.reader import Reader, Row
    from ioc.store.database import Connection
    from ioc.store.outbox import Contact

SHOWN = 3  # alarms of each list: the rest is counted
DOMAINS = 4
NIGHT = timedelta(hours=12)
DAY = timedelta(hours=24)
_AHEAD = 2  # forecasts
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """One domain's worst of a day: against its target and against the day before. over: beyond the target."""

    domain: str
    what: str
    place: str
    value: str
    target: str
    before: str
    over: bool


def values(conn: Connection, contact: Contact, reader: Reader, domains: dict[str, dict[str, str]]) -> dict[str, Any]:
    """For the template. domains: each one's name by language, as city.toml has it."""
    now = reader.now
    concern = digests.Concern(contact.settings.get("domains") or [], contact.settings.get("areas") or [])
    night = digests.night(conn, concern, now - NIGHT, now)
    standing = digests.standing(conn, concern)
    worst = digests.worst(conn, concern, now, DAY)[:DOMAINS]
    active = [row for row in standing if row["suppression"] == "none"]
    return {
        "date": local_date(now, reader.zone, reader.language, weekday=True),
        "night": _cards(conn, night[:SHOWN], reader), "night_total": len(night),
        "night_over": sum(row["condition"] == "false" for row in night), "night_more": max(0, len(night) - SHOWN),
        "night_from": local_clock(now - NIGHT, reader.zone),
        "open": _cards(conn, active[:SHOWN], reader), "open_total": len(active),
        "open_critical": sum(row["priority"] == 1 for row in active), "open_more": max(0, len(active) - SHOWN),
        "open_waiting": sum(not row["acked"] for row in active), "shelved": len(standing) - len(active),
        "measures": [_measure(row, reader, domains) for row in worst],
        "ahead": _ahead(conn, worst, reader), "quality": _quality(digests.quality(conn, now - DAY, now), reader),
    }  # fmt: skip


def subject(found: dict[str, Any], city: str, reader: Reader) -> str:
    """What matters most, so that the list of mails says it already."""
    key = "brief.subject_calm" if not found["open_total"] else "brief.subject"
    return reader.words[key].format(city=city, n=found["open_total"], critical=found["open_critical"],
                                    date=local_date(reader.now, reader.zone, reader.language))  # fmt: skip


def _cards(conn: Connection, rows: Sequence[Row], reader: Reader) -> list[Card]:
    found = mail_facts.alarms(conn, [row["id"] for row in rows])
    return [tell(row, reader) for row in found]


def tell(row: Row, reader: Reader) -> Card:
    """One that cannot be put into words must not cost the others."""
    try:
        return card(row, reader)
    except Exception:
        log.exception("alarm %d could not be put into words", row["id"])
        return bare(row, reader)


def _measure(row: Row, reader: Reader, domains: dict[str, dict[str, str]]) -> Measure:
    name = say(domains.get(row["domain"], {}), reader.language) or row["domain"]
    words = bool(row["states"])  # a level between two states says nothing, nor does the difference of two
    change = row["value"] - row["before"] if row["before"] is not None and not words else 0.0
    shown = number(abs(change), row["decimals"], reader.language)
    same = not shown.strip("0.,")
    return Measure(
        domain=clean(name, 40), what=clean(say(row["metric_name"] or {}, reader.language) or row["metric"], 40),
        place=clean(say(row["sensor_name"] or {}, reader.language), 44), value=reader.value(row["value"], row),
        target="" if words else reader.limit({**row, "threshold": row["raise"]}), over=row["beyond"] > 0,
        before="" if same else ("+" if change > 0 else MINUS) + shown,
    )  # fmt: skip


def _ahead(conn: Connection, worst: Sequence[Row], reader: Reader) -> list[str]:
    """The next extreme of what follows the tide; nothing where nothing can be foretold."""
    said: list[str] = []
    for row in worst:
        try:
            with transaction(conn):
                found = forecast.forecast(conn, row["series_id"], reader.now, reader.zone, span=DAY, by=("tide",))
        except StoreAway:
            raise
        except (IocError, ValueError, ArithmeticError):
            log.exception("no forecast of series %d", row["series_id"])
            continue
        if found is not None:
            said.append(_extreme(row, found, reader))
        if len(said) >= _AHEAD:
            break
    return said


def _extreme(row: Row, found: forecast.Forecast, reader: Reader) -> str:
    pick = int(np.argmax(found.level) if row["direction"] > 0 else np.argmin(found.level))
    at: datetime = found.time[pick].astype("M8[us]").astype(object)
    return reader.words["brief.ahead"].format(
        what=clean(say(row["metric_name"] or {}, reader.language) or row["metric"], 40),
        place=clean(say(row["sensor_name"] or {}, reader.language), 44),
        value=reader.value(float(found.level[pick]), {**row, "states": None}),
        time=local_clock(at.replace(tzinfo=UTC), reader.zone),
        target=reader.limit({**row, "threshold": row["raise"]}),
    )  # fmt: skip


def _quality(row: Row, reader: Reader) -> list[str]:
    """Sentences; the good one where there is nothing to say."""
    said, text = [], reader.words
    received = number(row["received"], 0, reader.language)
    share = 100 * row["quarantined"] / row["received"] if row["received"] else 0.0
    said.append(
        text["brief.received"].format(
            n=received, share=number(share, 0 if not share else 1 if share >= 0.05 else 2, reader.language)
        )
    )
    if row["silent"]:
        names = ", ".join(clean(say(name, reader.language), 40) for name in row["silent"][:4])
        said.append(text["brief.silent"].format(n=len(row["silent"]), names=names))
    others = [key for key in ("doubted", "failed", "unsure") if row[key]]
    return said + [text[f"brief.{key}"].format(n=number(row[key], 0, reader.language)) for key in others]
