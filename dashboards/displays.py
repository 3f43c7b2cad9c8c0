"""The ways of a screen on a wall: it shows a code, is approved, holds its key, and loads its wall; nothing of a person.

/pair makes nothing by itself: the code is asked for by the page's script, and only so often. The cookie of a browser
that waits holds its secret, and the code beside it, so that a page loaded anew shows the same one.
"""

from __future__ import annotations

import asyncio
import re
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import orjson
from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from dashboards import wall
from dashboards.context import current
from dashboards.limit import Limit
from dashboards.presence import chosen
from dashboards.viewer import CURRENT
from ioc.access.rights import Right
from ioc.errors import StoreError
from ioc.store import displays

if TYPE_CHECKING:
    from ioc.store.displays import Orders

router = APIRouter(include_in_schema=False)
DISPLAY, WAITS = "ioc_display", "ioc_pairing"
_TEN_YEARS = 10 * 365 * 86400  # browsers cut it to some four hundred days, so a wall asks for it anew each day
_WAITS = re.compile(rf"([A-Za-z0-9_-]{{43}})\.([{displays.LETTERS}]{{{displays.LENGTH}}})", re.ASCII)
_LARGEST = 2000  # bytes of a question
_asked = Limit(most=120, per_minute=600)  # questions of a network: thirty screens every three seconds
_drawn = Limit(most=20, per_minute=10)  # new codes of a network
_all_drawn = Limit(most=60, per_minute=60)
_at_once = asyncio.Semaphore(2)  # a flood of questions leaves connections for the walls that are up


@router.get("/wall")
@router.get("/wall/{scene}")
async def the_wall(request: Request, scene: str = "") -> Response:
    """A wall page. A paired screen gets what it may show, as it was told, whatever its address says."""
    number = CURRENT.get().display
    if number is None:
        return wall.page(current().folder, scene)
    orders = await _orders(number)
    if orders is not None and orders.revoked:
        asked = quote(request.url.path + (f"?{request.url.query}" if request.url.query else ""), safe="/")
        return RedirectResponse(f"/pair?next={asked}", 303, {"Cache-Control": "no-store"})
    may = CURRENT.get().scenes if orders is None else orders.scenes
    answer = wall.page(current().folder, scene, may=may, display=orders and chosen(orders))
    _keep(request, answer, request.cookies.get(DISPLAY, ""))
    return answer


@router.get("/pair")
async def pair(request: Request) -> Response:
    """The page of a screen that is not paired: it asks for its code by itself."""
    return pairing_page(request)


@router.post("/pair/state")
async def state(request: Request) -> Response:
    """Whether this browser is approved; else its code, a new one where there is none."""
    network, now = displays.network(CURRENT.get().address), time.monotonic()
    if not _asked.allows(network, now):
        return _json({"state": "slowly"}, 429)
    to = await _wanted(request)
    if current().hub.away:
        return _json({"state": "away"}, 503)
    try:
        async with _at_once:
            return await _state(request, to, network)
    except StoreError:
        return _json({"state": "away"}, 503)


@router.post("/pair/keep")
async def keep(request: Request) -> Response:
    """A wall asks whether it still may: 204 and its cookie for longer, or 401: it was revoked."""
    if CURRENT.get().display is None and CURRENT.get().may(Right.WALL):
        return Response(status_code=204)
    if not _asked.allows(displays.network(CURRENT.get().address), time.monotonic()):
        return _json({"state": "slowly"}, 429)
    key = request.cookies.get(DISPLAY, "")
    if current().hub.away:
        return _json({"state": "away"}, 503)
    try:
        async with _at_once:
            holds = await _holds(key)
    except StoreError:
        return _json({"state": "away"}, 503)
    answer = Response(status_code=204) if holds else _json({"state": "revoked"}, 401)
    if holds:
        _keep(request, answer, key)
    return answer


async def _state(request: Request, to: str, network: str) -> Response:
    key, held = request.cookies.get(DISPLAY, ""), _WAITS.fullmatch(request.cookies.get(WAITS, ""))
    if await _holds(key):
        return _json({"state": "paired", "to": to})
    if held:
        secret, code = held.groups()
        if await _holds(secret):
            answer = _json({"state": "paired", "to": to})
            _keep(request, answer, secret)
            answer.delete_cookie(WAITS, path="/pair", httponly=True, samesite="strict")
            return answer
        left = await current().read(displays.lasts, secret)
        if left:
            return _forgetting(request, _json({"state": "waiting", "code": code, "left": left}))
    return _forgetting(request, await _draw(request, to, network))


async def _draw(request: Request, to: str, network: str) -> Response:
    """A new code; none where too many are asked for."""
    now = time.monotonic()
    if not (_drawn.allows(network, now) and _all_drawn.allows("", now)):
        return _json({"state": "full"}, 429)
    drawn = await current().read(displays.ask, CURRENT.get().address, to)
    if drawn is None:
        return _json({"state": "full"}, 429)
    code, secret = drawn
    lasts = displays.LASTS.total_seconds()
    answer = _json({"state": "waiting", "code": code, "left": lasts})
    answer.set_cookie(WAITS, f"{secret}.{code}", max_age=int(lasts), path="/pair", httponly=True, samesite="strict",
                      secure=_https(request))  # fmt: skip
    return answer


def pairing_page(request: Request) -> HTMLResponse:
    """What to do, in the city's language, and the place for the code."""
    return wall.pairing(_path(request.query_params.get("next", "")), request.url.netloc)


async def _orders(number: int) -> Orders | None:
    """None while the store is away: the screen is told later, over its socket."""
    if current().hub.away:
        return None
    try:
        return (await current().read(displays.orders, [number])).get(number)
    except StoreError:
        return None


async def _holds(key: str) -> bool:
    """Asked of the store itself: what was remembered may be older than a revocation. Raises StoreError."""
    holder = await current().read(displays.find, key)
    return holder is not None


async def _wanted(request: Request) -> str:
    """The wall the browser was opened for, out of {"next": "/wall/water?screen=2"}."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > _LARGEST:
            return "/wall"
    try:
        said = orjson.loads(body)
    except orjson.JSONDecodeError:
        return "/wall"
    return _path(said.get("next") if isinstance(said, dict) else "")


def _path(said: Any) -> str:
    """A wall's address on this server, whatever was asked for."""
    fits = isinstance(said, str) and len(said) <= 200 and re.fullmatch(r"/wall([/?][!-~]*)?", said)
    return said if fits and "\\" not in said and "//" not in said else "/wall"


def _keep(request: Request, answer: Response, key: str) -> None:
    answer.set_cookie(
        DISPLAY, key, max_age=_TEN_YEARS, httponly=True, samesite="strict", secure=_https(request), path="/"
    )


def _forgetting(request: Request, answer: Response) -> Response:
    """A key that opens nothing is not sent again: it would count as a wrong one each time."""
    if DISPLAY in request.cookies:
        answer.delete_cookie(DISPLAY, path="/", httponly=True, samesite="strict")
    return answer


def _json(content: Any, status: int = 200) -> Response:
    headers = {"Cache-Control": "no-store", **({"Retry-After": "5"} if status in {429, 503} else {})}
    return Response(orjson.dumps(content), status, headers, "application/json")


def _https(request: Request) -> bool:
    return request.url.scheme == "https"
