"""Everything that is not a page: what the map loads, the push channel, language, health."""

from __future__ import annotations

import asyncio
import gzip
import logging
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import orjson
from fastapi import APIRouter, Request, Response, WebSocket, WebSocketDisconnect
from fastapi.responses import FileResponse, PlainTextResponse, RedirectResponse

from dashboards import displays, guard, openapi, points, presence, then, wall
from dashboards.basemap import drawing
from dashboards.context import current
from dashboards.hub import Screen
from dashboards.viewer import CURRENT, language
from ioc.access.rights import Right
from ioc.errors import StoreError
from ioc.language import LANGUAGES
from ioc.store import screens

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from dashboards.hub import Hub

log = logging.getLogger(__name__)
router = APIRouter(include_in_schema=False)
api = APIRouter()  # what programs read; described in openapi.py
router.include_router(displays.router)
_YEAR = 365 * 86400
IMAGE_KINDS = {".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".webp": "image/webp",
               ".gif": "image/gif", ".avif": "image/avif"}  # fmt: skip
REVOKED = 4401  # a socket's end
_AGAIN = 0.5  # seconds: everything, not more often than this
_UNWELL: Any = {503: {"model": openapi.State, "description": "It does not."}}


def _json(content: Any, *, packed: bool = False) -> Response:
    body = orjson.dumps(content, option=orjson.OPT_NON_STR_KEYS)
    headers = {"Cache-Control": "no-cache"}
    if packed:
        body, headers["Content-Encoding"] = gzip.compress(body, 5), "gzip"
    return Response(body, media_type="application/json", headers=headers)


@api.get("/api/city", response_model=openapi.City, tags=["city"])
async def city() -> Response:
    """What a screen must know before it draws."""
    return _json(wall.city_facts(current().folder, CURRENT.get().scenes))


@api.get("/api/points", response_model=openapi.Points, tags=["points"])
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


@api.get("/api/basemap", response_model=openapi.Drawing, tags=["map"])
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
    if not name.isprintable():
        return PlainTextResponse("there is no such picture\n", 404)
    file = (current().folder.path / "images" / name).resolve()
    inside = file.is_relative_to((current().folder.path / "images").resolve())
    kind = IMAGE_KINDS.get(file.suffix.lower())
    if not inside or kind is None or not file.is_file() or not _shown(name):
        return PlainTextResponse("there is no such picture\n", 404)
    return FileResponse(file, media_type=kind, headers={"Cache-Control": "no-cache"})


def _shown(image: str) -> bool:
    """Whether who asks may see this picture: a paired screen those of its own scenes."""
    may, scenes = CURRENT.get().scenes, current().folder.scenes
    mine = (w for key in may if key in scenes for w in scenes[key].widget)
    return not may or any(w.options.get("file") == image for w in mine)


@router.get("/api/{rest:path}")
async def no_such_api(rest: str) -> Response:
    return PlainTextResponse(f"there is no /api/{rest}\n", 404)


def _screen(*, live: bool) -> Screen:
    """Who has come, on the list of those who are told. live: not only what is for it alone."""
    viewer = CURRENT.get()
    screen = Screen(viewer.display, viewer.scenes, viewer.address, live=live)
    current().hub.screens.add(screen)
    return screen


async def _served(socket: WebSocket, screen: Screen, *work: Coroutine[Any, Any, None]) -> None:
    """Until one of these ends; a screen whose key was revoked is told so by the code of the end."""
    jobs = [asyncio.create_task(one) for one in work]
    try:
        await asyncio.wait(jobs, return_when=asyncio.FIRST_COMPLETED)
    finally:
        current().hub.screens.discard(screen)
        for job in jobs:
            job.cancel()
        for ended in await asyncio.gather(*jobs, return_exceptions=True):
            if isinstance(ended, StoreError):
                log.warning("a journey into the past ended: %s", ended)
            elif isinstance(ended, Exception) and not isinstance(ended, WebSocketDisconnect | RuntimeError):
                log.error("a socket ended: %r", ended, exc_info=ended)
    with suppress(RuntimeError, WebSocketDisconnect):  # closed already
        await socket.close(REVOKED if screen.ended else 1011)


@router.websocket("/ws/live")
async def live(socket: WebSocket) -> None:
    """Everything at once, then each change; the guard has checked who it is, and Origin."""
    await socket.accept()
    screen = _screen(live=True)
    await _served(socket, screen, _send(socket, current().hub, screen), _receive(socket, screen))


async def _send(socket: WebSocket, hub: Hub, screen: Screen) -> None:
    while not screen.ended:
        await screen.wake.wait()
        screen.wake.clear()
        for part in hub.pending(screen):
            await (socket.send_bytes(part) if isinstance(part, bytes) else socket.send_text(part))


async def _receive(socket: WebSocket, screen: Screen) -> None:
    """A screen says "again", when it lost track and wants everything; a paired one also what it shows."""
    try:
        while True:
            said = await socket.receive_text()
            if said == "again":
                screen.again()
                await asyncio.sleep(_AGAIN)
            else:
                presence.take(screen, said)
    except (WebSocketDisconnect, RuntimeError, KeyError):
        return


@router.websocket("/ws/then")
async def past(socket: WebSocket) -> None:
    """The time machine: the screen says {"at": ms, "speed": 0..600, "scene": key} at any time and is shown that."""
    await socket.accept()
    journey, screen = then.Journey(at=current().live.now() / 1000, scenes=CURRENT.get().scenes), _screen(live=False)

    async def send(message: bytes | str) -> None:
        await (socket.send_bytes(message) if isinstance(message, bytes) else socket.send_text(message))

    await _served(socket, screen, then.run(current(), journey, send), _asked(socket, screen, journey),
                  _send(socket, current().hub, screen))  # fmt: skip


async def _asked(socket: WebSocket, screen: Screen, journey: then.Journey) -> None:
    try:
        while True:
            said = await socket.receive_text()
            asked = orjson.loads(said)
            if isinstance(asked, dict) and not presence.take(screen, said):
                journey.take(asked, current().live.now() / 1000)
    except (WebSocketDisconnect, RuntimeError, KeyError, orjson.JSONDecodeError):
        return


@router.get("/language/{code}")
async def choose_language(code: str, request: Request) -> Response:
    answer = RedirectResponse(wall.own_path(request.query_params.get("next", "/")), 303)
    if code in LANGUAGES:
        answer.set_cookie(guard.LANGUAGE, code, max_age=_YEAR, samesite="lax", secure=_https(request))
    return answer


@api.get("/healthz", response_model=openapi.State, responses=_UNWELL, tags=["process"])
async def healthz() -> Response:
    """Whether the process lives: 200, or 503 with why."""
    state = current().health.state()
    return Response(orjson.dumps(state), 200 if state["alive"] else 503, media_type="application/json")


@api.get("/readyz", response_model=openapi.State, responses=_UNWELL, tags=["process"])
async def readyz() -> Response:
    """Whether it can serve: 200, or 503 with why."""
    state = current().health.state()
    return Response(orjson.dumps(state), 200 if state["ready"] else 503, media_type="application/json")


@api.get("/metrics", response_class=PlainTextResponse, tags=["process"])
async def metrics() -> Response:
    """Figures of this process for Prometheus (IOC_HEALTH_PORT serves them to a machine of your own without a token)."""
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


def _https(request: Request) -> bool:
    return request.url.scheme == "https"
