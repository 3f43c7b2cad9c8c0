"""Everything that is not a page: what the map loads, the push channel, login, language, health."""

from __future__ import annotations

import asyncio
import gzip
import logging
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import orjson
from fastapi import APIRouter, Request, Response, WebSocket, WebSocketDisconnect
from fastapi.responses import FileResponse, PlainTextResponse, RedirectResponse

from dashboards import guard, points, then, wall
from dashboards.basemap import drawing
from dashboards.context import current
from dashboards.hub import Screen
from dashboards.viewer import CURRENT, language
from ioc.access.rights import Right
from ioc.errors import StoreError
from ioc.language import LANGUAGES
from ioc.store import screens

if TYPE_CHECKING:
    from dashboards.hub import Hub

log = logging.getLogger(__name__)
router = APIRouter(include_in_schema=False)
_YEAR = 365 * 86400
IMAGE_KINDS = {".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".webp": "image/webp",
               ".gif": "image/gif", ".avif": "image/avif"}  # fmt: skip
_WRONG_PASSWORD_PAUSE = 1.0  # seconds: guessing is slow, the event loop stays free


def _json(content: Any, *, packed: bool = False) -> Response:
    body = orjson.dumps(content, option=orjson.OPT_NON_STR_KEYS)
    headers = {"Cache-Control": "no-cache"}
    if packed:
        body, headers["Content-Encoding"] = gzip.compress(body, 5), "gzip"
    return Response(body, media_type="application/json", headers=headers)


@router.get("/api/city")
async def city() -> Response:
    """What a screen must know before it draws."""
    return _json(wall.city_facts(current().folder))


@router.get("/api/points")
async def the_points() -> Response:
    """Every point of the newest generation, in the viewer's language; packed once for all."""
    live, caches = current().live, current().caches
    snap, frame = live.snap, current().hub.frame
    if snap is None or frame is None or (frame.generation, frame.revision) != (snap.generation, snap.revision):
        return Response(status_code=503, headers={"Retry-After": "1"})
    key = ("points", (snap.generation, snap.revision), language())
    if key not in caches:
        for old in [k for k in caches if k[0] == "points" and k[1] != key[1]]:
            del caches[old]
        caches[key] = await asyncio.to_thread(lambda: _json(points.columns(snap, frame, key[2]), packed=True))
    return caches[key]  # type: ignore[no-any-return]


@router.get("/api/basemap")
async def basemap() -> Response:
    """The base map of the city folder, GeoJSON; an empty one where the folder has none."""
    file = drawing(current().folder)
    if file is None:
        return _json({"type": "FeatureCollection", "features": []})
    key = ("basemap", file.stat().st_mtime_ns, str(file))
    if key not in current().caches:
        body = await asyncio.to_thread(lambda: gzip.compress(file.read_bytes(), 6))
        headers = {"Content-Encoding": "gzip", "Cache-Control": "no-cache"}
        current().caches[key] = Response(body, media_type="application/json", headers=headers)
    return current().caches[key]  # type: ignore[no-any-return]


@router.get("/images/{name}")
async def image(name: str) -> Response:
    """A picture of the city folder's images/, for walls. Nothing else can be named."""
    file = (current().folder.path / "images" / name).resolve()
    inside = file.is_relative_to((current().folder.path / "images").resolve())
    kind = IMAGE_KINDS.get(file.suffix.lower())
    if not inside or kind is None or not file.is_file():
        return PlainTextResponse("there is no such picture\n", 404)
    return FileResponse(file, media_type=kind, headers={"Cache-Control": "no-cache"})


@router.get("/api/{rest:path}")
async def no_such_api(rest: str) -> Response:
    return PlainTextResponse(f"there is no /api/{rest}\n", 404)


@router.websocket("/ws/live")
async def live(socket: WebSocket) -> None:
    """Everything at once, then each change; the guard has checked session and Origin."""
    await socket.accept()
    hub, screen = current().hub, Screen()
    hub.screens.add(screen)
    jobs = [asyncio.create_task(_send(socket, hub, screen)), asyncio.create_task(_receive(socket, screen))]
    try:
        await asyncio.wait(jobs, return_when=asyncio.FIRST_COMPLETED)
    finally:
        hub.screens.discard(screen)
        for job in jobs:
            job.cancel()
        await asyncio.gather(*jobs, return_exceptions=True)


async def _send(socket: WebSocket, hub: Hub, screen: Screen) -> None:
    while True:
        await screen.wake.wait()
        screen.wake.clear()
        for part in hub.pending(screen):
            await (socket.send_bytes(part) if isinstance(part, bytes) else socket.send_text(part))


async def _receive(socket: WebSocket, screen: Screen) -> None:
    """A screen says nothing but "again": it lost track and wants everything."""
    try:
        while True:
            if (await socket.receive_text()) == "again":
                screen.again()
    except (WebSocketDisconnect, RuntimeError, KeyError):
        return


@router.websocket("/ws/then")
async def past(socket: WebSocket) -> None:
    """The time machine: the screen says {"at": ms, "speed": 0..600, "scene": key} at any time and is shown that."""
    await socket.accept()
    journey = then.Journey(at=current().live.now() / 1000)

    async def send(message: bytes | str) -> None:
        await (socket.send_bytes(message) if isinstance(message, bytes) else socket.send_text(message))

    jobs = [asyncio.create_task(then.run(current(), journey, send)), asyncio.create_task(_asked(socket, journey))]
    try:
        await asyncio.wait(jobs, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for job in jobs:
            job.cancel()
        for ended in await asyncio.gather(*jobs, return_exceptions=True):
            if isinstance(ended, StoreError):
                log.warning("a journey into the past ended: %s", ended)
    with suppress(RuntimeError, WebSocketDisconnect):  # closed already
        await socket.close(1011)


async def _asked(socket: WebSocket, journey: then.Journey) -> None:
    try:
        while True:
            asked = orjson.loads(await socket.receive_text())
            if isinstance(asked, dict):
                journey.take(asked, current().live.now() / 1000)
    except (WebSocketDisconnect, RuntimeError, KeyError, orjson.JSONDecodeError):
        return


@router.get("/login")
async def login_page(request: Request) -> Response:
    return wall.login(request.query_params.get("next", "/"), wrong=False)


@router.post("/login")
async def login(request: Request) -> Response:
    """The right password gets a session; a wrong one waits a second."""
    form = parse_qs((await _body(request, 4096)).decode("utf-8", "replace"))
    to = wall.own_path(form.get("next", ["/"])[0])
    keys = current().keys
    if not keys.right(form.get("password", [""])[0]):
        await asyncio.sleep(_WRONG_PASSWORD_PAUSE)
        return wall.login(to, wrong=True)
    answer = RedirectResponse(to, 303)
    answer.set_cookie(guard.SESSION, keys.session(), httponly=True, samesite="strict", secure=_https(request))
    return answer


@router.post("/logout")
async def logout() -> Response:
    answer = RedirectResponse("/login", 303)
    answer.delete_cookie(guard.SESSION)
    return answer


@router.get("/language/{code}")
async def choose_language(code: str, request: Request) -> Response:
    answer = RedirectResponse(wall.own_path(request.query_params.get("next", "/")), 303)
    if code in LANGUAGES:
        answer.set_cookie(guard.LANGUAGE, code, max_age=_YEAR, samesite="lax", secure=_https(request))
    return answer


@router.get("/wall")
@router.get("/wall/{scene}")
async def the_wall(request: Request, scene: str = "") -> Response:
    """A wall page; opened with its key once, a display keeps it."""
    answer = wall.page(current().folder, scene)
    key = request.query_params.get("key", "")
    if key and current().keys.display_holds(key):
        answer.set_cookie(
            guard.DISPLAY, key, max_age=10 * _YEAR, httponly=True, samesite="strict", secure=_https(request)
        )
    return answer


@router.get("/healthz")
async def healthz() -> Response:
    state = current().health.state()
    return Response(orjson.dumps(state), 200 if state["alive"] else 503, media_type="application/json")


@router.get("/readyz")
async def readyz() -> Response:
    state = current().health.state()
    return Response(orjson.dumps(state), 200 if state["ready"] else 503, media_type="application/json")


@router.get("/metrics")
async def metrics() -> Response:
    """For Prometheus; behind the password where there is one (IOC_HEALTH_PORT serves it without)."""
    from prometheus_client import generate_latest

    return Response(await asyncio.to_thread(generate_latest), media_type="text/plain; version=0.0.4; charset=utf-8")


@router.get("/mail/{id_}/{part}")
async def mail_part(id_: str, part: str) -> Response:
    """The rendered mail, or a picture in it, for a sandboxed frame."""
    from dashboards import mail

    if not CURRENT.get().may(Right.MAIL) or not mail.is_id(id_):
        return PlainTextResponse("there is no such mail\n", 404)
    row = await current().read(screens.mail, id_)
    return await asyncio.to_thread(mail.answer, row, id_, part)


async def _body(request: Request, most: int) -> bytes:
    """The request's body, cut at `most` bytes."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > most:
            break
    return body[:most]


def _https(request: Request) -> bool:
    return request.url.scheme == "https"
