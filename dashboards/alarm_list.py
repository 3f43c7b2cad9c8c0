"""An address's words -> which alarms -> their rows, now or as they were at a past moment; none or ten thousand."""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlencode

from dash import html

from dashboards import listing, parts, viewer
from dashboards.context import current
from dashboards.listing import Column, sorter, two
from dashboards.parts import aria, number, text, word
from ioc.store import alarms, asof
from ioc.store.alarms import Filter

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dash.development.base_component import Component

    from ioc.store.database import Connection

    Row = dict[str, Any]

SIZE = 100
SORTS = ("worst", "newest", "oldest", "rule", "place", "state")
STATES = {"open": None, "unacked": ["B", "D", "E"], "acked": ["C", "F"], "latched": ["E", "F"], "shelved": ["G"],
          "hidden": ["H"], "out": ["I"], "closed": ["A"]}  # fmt: skip
PRIORITIES = (1, 2, 3, 4)


class Asked(NamedTuple):
    """which: one of STATES; priorities: empty for all; domain, area, rule: '' for any."""

    which: str = "open"
    priorities: tuple[int, ...] = ()
    domain: str = ""
    area: str = ""
    rule: str = ""
    text: str = ""
    sort: str = "worst"
    page: int = 0

    @property
    def filter(self) -> Filter:
        return Filter(
            priorities=self.priorities or None, domains=[self.domain] if self.domain else None,
            areas=[self.area] if self.area else None, rules=[self.rule] if self.rule else None,
            isa=STATES[self.which] if self.which != "closed" else None, text=self.text or None,
        )  # fmt: skip


class Found(NamedTuple):
    """tally: how many by state and by priority, of all that is open, whatever the filter."""

    rows: list[Row]
    total: int
    tally: dict[str, int]


def asked(query: Mapping[str, str]) -> Asked:
    """What an address asks for; what makes no sense is as if it were not there."""
    which, sort, page = (query.get(k, "") for k in ("state", "sort", "page"))
    priorities = tuple(int(p) for p in dict.fromkeys(query.get("priority", "").split(",")) if p in {"1", "2", "3", "4"})
    domain, area, rule, said = (query.get(k, "")[:80] for k in ("domain", "area", "rule", "text"))
    return Asked(
        which=which if which in STATES else "open", priorities=priorities, domain=domain, area=area, rule=rule,
        text=said, sort=sort if sort in SORTS else "worst",
        page=max(0, int(page[:5]) - 1) if page.isascii() and page.isdigit() else 0,
    )  # fmt: skip


def address(wanted: Asked) -> str:
    """The query that shows the same again; '' for the usual list."""
    words = {
        "state": wanted.which,
        "priority": ",".join(map(str, wanted.priorities)),
        "domain": wanted.domain,
        "area": wanted.area,
        "rule": wanted.rule,
        "text": wanted.text,
        "sort": wanted.sort,
        "page": wanted.page + 1,
    }
    usual = {"state": "open", "sort": "worst", "page": 1}
    return urlencode({k: v for k, v in words.items() if v and v != usual.get(k)})


async def find(wanted: Asked) -> Found:
    at = viewer.CURRENT.get().at
    if at is None:
        return await current().read(_now, wanted)
    return await current().read_past(_then, wanted, at)


def _now(conn: Connection, wanted: Asked) -> Found:
    counts = _tally((row["isa"], row["priority"], row["count"]) for row in alarms.tally(conn))
    if wanted.which == "closed":
        rows, total = _closed(conn, wanted, parts.now())
    else:
        rows, total = alarms.open_page(conn, wanted.filter, limit=SIZE, offset=wanted.page * SIZE, sort=wanted.sort)
    return Found(rows, total, counts)


def _closed(conn: Connection, wanted: Asked, at: datetime) -> tuple[list[Row], int]:
    """The newest that were over by then, and how many are known: one more than shown where there are more."""
    start = wanted.page * SIZE
    rows = alarms.past_page(conn, wanted.filter, until=at, over=at, limit=SIZE + 1, offset=start)
    return rows[:SIZE], start + len(rows)


def _then(conn: Connection, wanted: Asked, at: datetime) -> Found:
    """The same of a past moment: what was open then, as it was then."""
    standing = asof.alarms(conn, at)
    counts = _tally((row["isa"], row["priority"], 1) for row in standing)
    if wanted.which == "closed":
        return Found(*_closed(conn, wanted, at), counts)
    keys = alarms.keys(conn, [row["id"] for row in standing])
    rows = [past_row(row, keys.get(row["id"], {})) for row in standing]
    fitting = sorted((r for r in rows if _fits(r, wanted)), key=lambda r: _order(r, wanted.sort))
    return Found(fitting[wanted.page * SIZE : (wanted.page + 1) * SIZE], len(fitting), counts)


def past_row(row: Row, keys: Row) -> Row:
    """A row of the past with the columns of the list."""
    unknown = ("acked_by", "suppressed_until", "suppressed_by", "assigned_name", "closed_at", "cleared_at", "peak")
    return {
        **dict.fromkeys(unknown), **row, "rule": keys.get("rule", ""), "rule_name": row["rule"], "flapping": False,
        "sensor_name": row["sensor"], "sensor": row["sensor_key"], "feed_name": row["feed"], "feed": keys.get("feed"),
        "opened_at": datetime.fromtimestamp(row["opened"] / 1e6, UTC), "unit": row["unit"] or "",
        "decimals": 1 if row["decimals"] is None else row["decimals"],
    }  # fmt: skip


def _fits(row: Row, wanted: Asked) -> bool:
    isa = STATES[wanted.which]
    plain = " ".join(str(row[k]) for k in ("id", "rule", "rule_name", "sensor", "sensor_name", "feed", "area"))
    return (
        (isa is None or row["isa"] in isa)
        and (not wanted.priorities or row["priority"] in wanted.priorities)
        and wanted.domain in ("", row["domain"]) and wanted.area in ("", row["area"])
        and wanted.rule in ("", row["rule"]) and _folded(wanted.text) in _folded(plain)
    )  # fmt: skip


def _folded(said: str) -> str:
    return unicodedata.normalize("NFC", said).casefold()


def _order(row: Row, sort: str) -> tuple[Any, ...]:
    age = {"newest": -row["opened"], "oldest": row["opened"]}.get(sort, 0)
    said = {"rule": row["rule"], "place": row["sensor"] or row["feed"] or row["area"], "state": row["isa"]}.get(sort)
    worst = (row["condition"] == "false", row["suppression"] != "none", row["priority"], -row["opened"], -row["id"])
    return (age, said or "", *worst)


def _tally(counts: Any) -> dict[str, int]:
    """By state and, as p1 to p4, by priority."""
    found = dict.fromkeys([*STATES, *(f"p{p}" for p in PRIORITIES)], 0)
    for isa, priority, count in counts:
        found[f"p{priority}"] += count
        for state, letters in STATES.items():
            found[state] += count if letters is None or isa in letters else 0
    return found


def table(wanted: Asked, found: Found) -> Component:
    may = viewer.CURRENT.get().at is None and wanted.which != "closed"
    rows = [_row(row, pick=may) for row in found.rows]
    listed = listing.cards(columns(wanted, pick=may), rows, name=word("page.alarms"), empty=word("alarms.nothing"),
                           looks=[_look(row) for row in found.rows])  # fmt: skip
    where: Any = {"data-address": address(wanted)}
    return html.Div(
        [listed, listing.pager("alarms", wanted.page, SIZE, found.total, more=wanted.which == "closed")],
        className="stack",
        **where,
    )


def columns(wanted: Asked, *, pick: bool) -> list[Column]:
    heads = {
        "priority": "worst",
        "alarm": "rule",
        "where": "place",
        "opened": "newest",
        "lasts": "oldest",
        "state": "state",
    }
    shown = [
        Column(
            word(f"col.{k}"),
            sorter("alarms", heads[k], word(f"col.{k}"), wanted.sort) if pick and k in heads else None,
            k,
        )
        for k in ("priority", "alarm", "where", "value", "opened", "lasts", "state")
    ]
    return [Column("", _box("*", word("pick.all")), "pick"), *shown] if pick else shown


def _box(what: str, said: str) -> Component:
    """A box to tick; our script keeps what is ticked while the list moves beneath."""
    data: Any = {"data-alarm": what}
    return html.Button(role="checkbox", className="tick", title=said, **data, **aria(checked="false", label=said))


def _row(row: Row, *, pick: bool) -> list[Any]:
    end = row["cleared_at"] or row["closed_at"] or parts.now()
    level = parts.reading({**row, "value": row["threshold"]}) if row["threshold"] is not None else ""
    cells = [
        parts.priority(row["priority"]),
        two(parts.link(text(row["rule_name"], row["rule"]), f"/alarms/{row['id']}{_at()}"), _notes(row)),
        two(text(row["sensor_name"] or row["feed_name"], row["sensor"] or row["feed"] or "–"), _area(row["area"])),
        html.Span(
            two(html.Span(parts.reading(row), className="num"), word("alarm.against", level=level) if level else ""),
            className="stacked",
        ),
        parts.when(row["opened_at"]),
        parts.age((end - row["opened_at"]).total_seconds()),
        two(state_sign(row), who(row)),
    ]
    return [_box(str(row["id"]), word("pick.one", id=row["id"])), *cells] if pick else cells


def _at() -> str:
    at = viewer.CURRENT.get().at
    return f"?at={at:%Y-%m-%dT%H:%M:%SZ}" if at else ""


def _notes(row: Row) -> str:
    said = [f"#{row['id']}"]
    said += [word("alarm.comes_and_goes")] if row["flapping"] else []
    said += [word(f"condition.{row['condition']}")] if row["condition"] in {"nodata", "error"} else []
    return " · ".join(said)


def _area(key: str | None) -> str:
    found = next((a for a in current().folder.areas if a.key == key), None) if key else None
    return text(found.name, key or "") if found else key or ""


def _look(row: Row) -> str:
    waits = row["isa"] in {"B", "D", "E"} and row["closed_at"] is None
    return ("waits " if waits else "") + ("crit" if row["priority"] == 1 else "warn")


SIGNS = {"B": "●", "C": "✓", "D": "○", "E": "◐", "F": "◑", "G": "⏸", "H": "◌", "I": "⚒", "A": "–"}


def state_sign(row: Row) -> Component:
    """The state in the words of ISA-18.2, with a sign of its own."""
    letter = "A" if row["closed_at"] else row["isa"]
    said = word("alarms.over") if row["closed_at"] else word(f"isa.{letter}")
    return html.Span([html.I(SIGNS[letter], **aria(hidden="true")), f" {said}"], className=f"isa isa-{letter}")


def who(row: Row) -> str:
    """Who has acknowledged it, has it, or put it aside until when."""
    if row["closed_at"]:
        return row["acked_by"] or ""
    said = [row["acked_by"]] if row["acked_by"] else []
    said += [word("alarm.with", name=row["assigned_name"])] if row["assigned_name"] else []
    if row["suppressed_until"]:
        said.append(word("shelf.until", at=parts.when(row["suppressed_until"])))
    return " · ".join(said)


def options(tally: dict[str, int], *, past: bool) -> list[dict[str, str]]:
    """The states to choose from, each with how many."""
    return [{"label": word(f"which.{k}") + ("" if k == "closed" else f" {number(tally[k])}"), "value": k}
            for k in STATES if not (past and k == "out" and not tally[k])]  # fmt: skip


def priorities(tally: dict[str, int]) -> list[dict[str, Any]]:
    return [
        {"label": f"{parts.BY_PRIORITY[p][1]} {word(f'priority.{p}')} {number(tally[f'p{p}'])}", "value": p}
        for p in PRIORITIES
    ]


def domains() -> list[dict[str, str]]:
    return _choices((key, text(one.name, key)) for key, one in current().folder.city.domains.items())


def areas() -> list[dict[str, str]]:
    return _choices({a.key: text(a.name, a.key) for a in current().folder.areas}.items())


def rules(rows: Sequence[Row]) -> list[dict[str, str]]:
    return [
        {"label": text(r["name"], r["key"]) + (f" ({number(r['open'])})" if r["open"] else ""), "value": r["key"]}
        for r in rows
    ]


def _choices(found: Any) -> list[dict[str, str]]:
    return sorted(({"label": said, "value": key} for key, said in found), key=lambda one: one["label"])
