"""Why a single sign-on let nobody in -> a page that says what to do, a line of the log, a row of the audit."""

from __future__ import annotations

import logging
import time
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from fastapi.responses import HTMLResponse, PlainTextResponse

from dashboards import viewer, wall
from dashboards.context import current
from dashboards.oidc_rig import HOW, Turned, address, name
from dashboards.provider import Away
from ioc.access import grants, oidc
from ioc.access.holder import Who
from ioc.errors import StoreError
from ioc.language import words
from ioc.store import audit, screens

if TYPE_CHECKING:
    from fastapi import Request, Response

log = logging.getLogger(__name__)
_SAID = {Away: ("away", 503), StoreError: ("store", 503)}  # else it is the account
_UNNOTED = {"store", "often"}  # nothing to write to; a flood, of which the log tells


async def refused(request: Request, error: Exception, to: str) -> Response:
    """The page. to: where the way would have led. Nothing of a token is said or noted."""
    what, status, more = await _reason(error)
    if what == "unset":
        return PlainTextResponse("no provider is set: IOC_OIDC_ISSUER\n", 404)
    said = words("dashboards", viewer.language())
    await _noted(request, f"{what} {more.get('why', '')}".strip())
    lines = [said[f"oidc.{key}"].format(name=name(), **more) for key in what.split("+")]
    answer = page(said["oidc.refused"], lines, status, again=f"/oidc/login?next={quote(to)}")
    if status in {429, 503}:
        answer.headers["Retry-After"] = "30"
    return answer


def page(title: str, lines: list[str], status: int, **more: Any) -> Response:
    """A page of single sign-on. more: onward (an address to go to by itself), again, out."""
    _, styles = wall.assets(desk=True)
    language = viewer.language()
    html = wall.TEMPLATES.get_template("oidc.html").render(
        language=language, title=title, lines=lines, styles=styles, words=words("dashboards", language), **more
    )
    return HTMLResponse(html, status, headers={"Cache-Control": "no-store"})


async def _reason(error: Exception) -> tuple[str, int, dict[str, str]]:
    """Which sentences (keys, joined by +), the status, and what stands in them."""
    if isinstance(error, Turned):
        return error.what, error.status, error.more
    if isinstance(error, oidc.ClockDiffers):
        return await _clocks(error.ahead)
    if isinstance(error, oidc.Refused):
        return "invalid", 403, {"why": error.why}
    if isinstance(error, grants.NoRole):
        return "no_role", 403, {"who": error.subject}
    what, status = next((said for kind, said in _SAID.items() if isinstance(error, kind)), ("disabled", 403))
    return what, status, {}


async def _clocks(ahead: float) -> tuple[str, int, dict[str, str]]:
    """Three clocks, and which of them is wrong."""
    own, store_ahead = time.time(), None
    with suppress(StoreError):
        store_ahead = (await current().read(screens.now)).timestamp() - own
    store = "?" if store_ahead is None else _time(own + store_ahead)
    said = {"theirs": _time(own + ahead), "ours": _time(own), "store": store, "why": f"{ahead:+.0f} s"}
    return f"clock+clock_{oidc.whose_clock(ahead, store_ahead)}", 403, said


def _time(seconds: float) -> str:
    try:
        return datetime.fromtimestamp(seconds, current().zone).strftime("%Y-%m-%d %H:%M:%S")
    except (ValueError, OverflowError, OSError):
        return "?"


async def _noted(request: Request, reason: str) -> None:
    log.warning("single sign-on refused: %s, from %s", reason, address(request))
    if reason in _UNNOTED:
        return
    who = Who("", viewer.CURRENT.get().role, address(request))
    with suppress(StoreError):
        await current().read(audit.note, who, "login.refused", name(), after={"how": HOW, "why": reason})
