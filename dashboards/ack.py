"""Pages behind the signed links of mails: acknowledge an alarm, stop a digest. For a phone, without login or scripts.

GET only shows: mail scanners and previews open every link. POST acts, and doing it twice does no more than once. What a
forged, foreign or mangled link gets is the same page, whatever it names.
"""

from __future__ import annotations

import base64
import hashlib
import time
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse

from dashboards.context import current
from dashboards.limit import Limit
from dashboards.viewer import CURRENT
from dashboards.wall import TEMPLATES
from ioc.access.holder import Who
from ioc.config.types import parse_duration, say
from ioc.errors import StoreError
from ioc.language import known, local_time, quantity, words
from ioc.signing import LinkError, LinkExpiredError, Links
from ioc.store import audit, mail_facts
from ioc.store import links as store

if TYPE_CHECKING:
    from ioc.signing import Acknowledge, Unsubscribe
    from ioc.store.database import Connection

Row = dict[str, Any]
router = APIRouter(include_in_schema=False)
_NOTE = 500  # characters
_KINDS = {"brief", "digest", "report"}
_asked = Limit(most=40, per_minute=40)
_forged = Limit(most=10, per_minute=5)


@router.get("/a/{token}")
async def show(token: str, request: Request) -> Response:
    return await _acknowledging(token, request, act=False)


@router.post("/a/{token}")
async def act(token: str, request: Request) -> Response:
    return await _acknowledging(token, request, act=True)


@router.get("/u/{token}")
async def show_subscription(token: str, request: Request) -> Response:
    return await _subscribing(token, request, act=False)


@router.post("/u/{token}")
async def change_subscription(token: str, request: Request) -> Response:
    """Also what Gmail and others call by themselves when a reader presses their own button (RFC 8058)."""
    return await _subscribing(token, request, act=True)


async def _acknowledging(token: str, request: Request, *, act: bool) -> Response:
    if _too_often(request):
        return _said("slow", _language(), 429)
    try:
        link = _links().acknowledged(token, datetime.now(UTC))
    except LinkExpiredError:
        return _said("expired", _language(), 410)
    except LinkError:
        return _no_link(request)
    form = parse_qs((await _body(request)).decode("utf-8", "replace")) if act else {}
    note = " ".join(form.get("note", [""])[0].split())[:_NOTE]
    try:
        return await current().read(_answer, link, note, act)
    except StoreError:
        return _said("away", _language(), 503)


async def _subscribing(token: str, request: Request, *, act: bool) -> Response:
    if _too_often(request):
        return _said("slow", _language(), 429)
    try:
        link = _links().unsubscribed(token, datetime.now(UTC))
    except LinkExpiredError:
        return _said("expired", _language(), 410)
    except LinkError:
        return _no_link(request)
    form = parse_qs((await _body(request)).decode("utf-8", "replace")) if act else {}
    wish = None if not act else "again" not in form
    try:
        return await current().read(_subscription, link, wish)
    except StoreError:
        return _said("away", _language(), 503)


def _answer(conn: Connection, link: Acknowledge, note: str, act: bool) -> Response:
    who = store.contact(conn, link.contact)
    if who is None:
        return _said("left", _language(), 410)
    language = known(who.language)
    if act:
        by = words("dashboards", "en")["link.by"].format(name=who.name)
        audit.speak(conn, Who(by, "link", CURRENT.get().address))
        found = store.acknowledge(conn, link.alarms, by, note)
    else:
        found = store.look(conn, link.alarms)
    rows = mail_facts.alarms(conn, [alarm for alarm, _ in link.alarms])
    said = words("dashboards", language)
    zone = ZoneInfo(who.zone) if who.zone else current().zone
    cards = [_card(row, said[f"link.is_{found[row['id']]}"], language, zone) for row in rows]
    outcomes = set(found.values())
    state = "done" if "done" in outcomes else "open" if "open" in outcomes else "nothing"
    return _page("ack", 200 if state != "nothing" else 409 if act else 200, language, cards=cards, state=state,
                 who=who.name, title=said["link.title"])  # fmt: skip


def _subscription(conn: Connection, link: Unsubscribe, stop: bool | None) -> Response:
    who = store.contact(conn, link.contact)
    if who is None or link.kind not in _KINDS:
        return _said("left", _language(), 410)
    if stop is not None:
        by = words("dashboards", "en")["link.by"].format(name=who.name)
        audit.speak(conn, Who(by, "link", CURRENT.get().address))
        store.unsubscribe(conn, who.id, link.kind, stop=stop)
    stopped = link.kind in store.unsubscribed(conn, who.id)
    said = words("dashboards", known(who.language))
    kind = said[f"link.kind_{link.kind}"]
    return _page("unsubscribe", 200, known(who.language), stopped=stopped, kind=kind, who=who.name, title=kind)


def _card(row: Row, standing: str, language: str, zone: ZoneInfo) -> Row:
    """What, where, how bad, since when, what to do."""
    rule = row["settings"]
    place = [say(row[key] or {}, language) for key in ("sensor_name", "area_name")]
    within = parse_duration(rule["respond_within"]) if rule.get("respond_within") else None
    return {
        "priority": row["priority"], "over": row["condition"] == "false", "rule": say(row["rule_name"], language),
        "value": _value(row, language), "place": ", ".join(p for p in place if p) or row["target"],
        "since": local_time(row["event_start"], zone, language),
        "until": local_time(row["event_start"] + within, zone, language) if within else "",
        "action": say(rule.get("action") or {}, language), "standing": standing,
        "by": row["acked_by"] or "", "at": local_time(row["acked_at"], zone, language) if row["acked_at"] else "",
    }  # fmt: skip


def _value(row: Row, language: str) -> str:
    """As "Water level 1.62 m (limit 1.50 m)", or the word for a state."""
    value = row["latest_value"] if row["latest_value"] is not None else row["value"]
    if row["series_id"] is None or value is None:
        return ""
    name = say(row["metric_name"] or {}, language) or row["metric"]
    state = (row.get("states") or {}).get(f"{value:g}")
    if state:
        return f"{name}: {say(state, language) if isinstance(state, dict) else state}"
    shown = f"{name} {quantity(value, row['decimals'], row['unit'], language)}"
    if row["threshold"] is None:
        return shown
    limit = quantity(row["threshold"], row["decimals"], row["unit"], language)
    return f"{shown} ({words('dashboards', language)['link.limit'].format(limit=limit)})"


def _links() -> Links:
    return Links(current().settings.secret)


def _language() -> str:
    return known(current().folder.city.languages[0])


def _address(request: Request) -> str:
    return request.client.host if request.client else ""


def _too_often(request: Request) -> bool:
    return not _asked.allows(_address(request), time.monotonic())


def _no_link(request: Request) -> Response:
    """Who tries links is slowed down; who was sent a broken one is told what to do."""
    slow = not _forged.allows(_address(request), time.monotonic())
    return _said("slow" if slow else "unknown", _language(), 429 if slow else 404)


def _said(what: str, language: str, status: int) -> Response:
    said = words("dashboards", language)
    return _page("said", status, language, title=said["link.title"], text=said[f"link.{what}"])


def _page(name: str, status: int, language: str, **values: Any) -> Response:
    html = TEMPLATES.get_template("link.html").render(
        name=name, language=language, words=words("dashboards", language), style=_style(),
        city=say(current().folder.city.name, language), **values,
    )  # fmt: skip
    headers = {
        "Content-Security-Policy": f"default-src 'none'; style-src '{_style_hash()}'; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'",
        "Cache-Control": "no-store", "X-Robots-Tag": "noindex, nofollow",
    }  # fmt: skip
    if status == 429:
        headers["Retry-After"] = "60"
    return HTMLResponse(html, status, headers=headers)


@cache
def _style() -> str:
    return TEMPLATES.get_template("link.css").render()


@cache
def _style_hash() -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(_style().encode()).digest()).decode()


async def _body(request: Request, most: int = 8192) -> bytes:
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > most:
            break
    return body[:most]
