"""What the live map loads beside its points: the base map and its tiles, areas of a day, trails, a picture."""

from __future__ import annotations

import asyncio
import gzip
from datetime import date  # noqa: TC003  FastAPI reads annotations at run time
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Query, Response
from fastapi.responses import FileResponse, PlainTextResponse
from pydantic import BeforeValidator

from dashboards import basemap, openapi, wall
from dashboards.context import current
from dashboards.figures import city_svg
from dashboards.viewer import language
from ioc.store import livemap, snapshot

router = APIRouter(tags=["map"])
_PICTURE_LASTS = 5.0  # seconds that a picture of the city is shown to everybody
_SHOWN = ("id", "key", "name", "domain", "lat", "lon")  # of a sensor without a place
_SIDES = (200, 2400)  # pixels
_Side = Annotated[int, Query(ge=0, le=100_000)]
_BYTES = {"application/octet-stream": {"schema": {"type": "string", "contentMediaType": "application/octet-stream"}}}
_FILE: Any = {200: {"content": _BYTES}, 206: {"content": _BYTES, "description": "The range that was asked for."},
              416: {"description": "There is no such range."}}  # fmt: skip
_PICTURE: Any = {200: {"content": {"image/svg+xml": {"schema": {"type": "string"}}}}}


def _json(content: Any) -> Response:
    body = gzip.compress(orjson.dumps(content, option=orjson.OPT_NON_STR_KEYS), 5)
    headers = {"Cache-Control": "no-cache", "Content-Encoding": "gzip"}
    return Response(body, media_type="application/json", headers=headers)


@router.get("/api/basemap/facts", response_model=openapi.Ground)
async def facts() -> Response:
    """Which base map there is, and what is wrong with it."""
    found = await asyncio.to_thread(basemap.facts, current().folder)
    return _json(found._asdict())


@router.get(basemap.TILES, response_class=FileResponse, responses=_FILE)
async def tiles() -> Response:
    """The city's tile file; browsers ask for ranges of it."""
    file = basemap.tile_file(current().folder)
    if file is None:
        return PlainTextResponse("there is no tile file\n", 404)
    headers = {"Cache-Control": "public, max-age=86400"}  # a changed file has another address
    return FileResponse(file, media_type="application/octet-stream", headers=headers)


@router.get("/api/areas", response_model=openapi.Areas)
async def areas(on: Annotated[date | None, BeforeValidator(lambda said: said or None)] = None) -> Response:
    """The areas of today, or of a day of the city (on=YYYY-MM-DD) with who is in them: GeoJSON."""
    if on is None:
        rows = await current().read(snapshot.areas)
        return await asyncio.to_thread(lambda: _json(wall.area_collection(rows, language())))
    rows = await current().read(livemap.areas_on, on)
    place = {row["id"]: i for i, row in enumerate(rows)}
    members = [(s, place[a]) for s, a in await current().read(livemap.members_on, on) if a in place]
    return await asyncio.to_thread(lambda: _json({**wall.area_collection(rows, language()), "members": members}))


@router.get("/api/points/trails", response_model=dict[str, list[openapi.Place]])
async def trails() -> Response:
    """Where moving sensors went in the last minutes: key -> [[lon, lat, ms], ...]."""
    rows = await current().shared("trails", 5.0, livemap.trails)
    found: dict[str, list[list[float]]] = {}
    for key, lon, lat, at in rows:
        found.setdefault(key, []).append([round(lon, 6), round(lat, 6), at])
    return await asyncio.to_thread(_json, found)


@router.get("/api/points/placeless", response_model=openapi.Placeless)
async def placeless() -> Response:
    """Sensors that no map can draw."""
    rows = await current().shared("placeless", 5.0, snapshot.placeless)
    shown = [{key: row[key] for key in _SHOWN} for row in rows]
    return _json({"total": rows[0]["total"] if rows else 0, "sensors": shown})


@router.get("/api/points/picture.svg", response_class=Response, responses=_PICTURE)
async def picture(w: _Side = 800, h: _Side = 800, domains: Annotated[str, Query(max_length=2000)] = "") -> Response:
    """The city as it is now, for browsers that cannot draw it; the same for everybody for some seconds.

    w, h: pixels, drawn no smaller than 200 and no larger than 2400. domains: their keys with commas between; all.
    """
    size = (_within(w), _within(h))
    wanted = frozenset(filter(None, domains.split(","))) & set(current().folder.city.domains)
    snap, frame = current().live.snap, current().hub.frame
    if snap is None or frame is None or len(frame.state) != len(snap.sensors):
        return Response(status_code=503, headers={"Retry-After": "1"})
    rows = await current().shared("areas", 60.0, snapshot.areas)
    ground = await asyncio.to_thread(_drawing)
    shapes = city_svg.Shapes(rows, ground)
    body = await asyncio.to_thread(city_svg.picture, snap, frame, shapes, size, wanted)
    packed = await asyncio.to_thread(gzip.compress, body.encode(), 5)
    headers = {"Cache-Control": f"max-age={_PICTURE_LASTS:.0f}", "Content-Encoding": "gzip"}
    return Response(packed, media_type="image/svg+xml", headers=headers)


def _within(side: int) -> int:
    return max(_SIDES[0], min(_SIDES[1], side))


def _drawing() -> list[dict[str, Any]]:
    """Features of the folder's own drawing; none where it cannot be read."""
    file = basemap.drawing(current().folder)
    try:
        found = orjson.loads(file.read_bytes()) if file is not None else {}
    except (OSError, orjson.JSONDecodeError):
        return []
    features = found.get("features") if isinstance(found, dict) else None
    return features if isinstance(features, list) else []
