"""What programs read of the centre, described: the shapes of its answers in, /api/openapi.json out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel, ConfigDict, Field

from dashboards import surface
from dashboards.doors import DISPLAY, SESSION
from ioc import __version__
from ioc.access.rights import SCOPES

if TYPE_CHECKING:
    from fastapi import FastAPI

ADDRESS = "/api/openapi.json"
LEAD = """Read-only data of an operations centre, as its screens and programs load it.

A program sends `Authorization: Bearer ioc_...`, a token made by `ioc tokens add`. Times are ISO 8601 with a zone, or
milliseconds since 1970 UTC where a field says so; places are WGS 84 degrees. A text in several languages is an object:
language -> text, "" is the text of those that have none."""
Text = dict[str, str]
Place = Annotated[list[float], Field(min_length=3, max_length=3)]  # lon, lat, ms
_PLAIN = {"text/plain": {"schema": {"type": "string"}}}
_ERRORS = {
    "400": "A parameter cannot be used: the answer says which and why.",
    "401": "Log in first, or send a token that holds.",
    "403": "The right for this is missing.",
    "404": "There is no such thing.",
    "413": "The body is larger than is taken.",
    "421": "The Host header names another server.",
    "429": "Too many wrong keys, or too many questions: wait as Retry-After says.",
    "503": "The centre is starting, or its database is away: try again as Retry-After says.",
}


class Shape(BaseModel):
    """A described answer; nothing is left out of it, more may come."""

    model_config = ConfigDict(extra="allow")


class View(Shape):
    """What the map shows at first. bounds: west, south, east, north."""

    center: list[float] | None
    zoom: float | None
    bounds: list[float] | None
    basemap: bool


class City(Shape):
    """late, dead: seconds without any data after which the city counts as that. jump: seconds a wall holds a scene."""

    name: Text
    title: Text
    zone: str
    late: float
    dead: float
    jump: float
    map: View
    domains: dict[str, dict[str, Any]]
    scenes: dict[str, dict[str, Any]]


class Metric(Shape):
    key: str
    name: Text
    unit: str
    decimals: int
    domain: str
    states: dict[str, Any]
    steps: list[Any]


class Slots(Shape):
    point: list[int]
    metric: list[int]


class Points(Shape):
    """One column a property; the n-th of each belongs to the n-th point. domain, area, slots.metric: a place in
    domains, areas, metrics. moves: places of points that move. gone: places of points that are no more.
    """

    generation: int
    revision: int
    id: list[int]
    key: list[str]
    name: list[str]
    lat: list[float]
    lon: list[float]
    moves: list[int]
    gone: list[int]
    domains: list[str]
    domain: list[int]
    areas: list[str | None]
    area: list[int]
    metrics: list[Metric]
    slots: Slots
    head: list[int]


class AreaFacts(Shape):
    key: str
    kind: str
    name: str


class Area(Shape):
    type: str = Field(pattern="^Feature$")
    id: int
    geometry: dict[str, Any] | None
    properties: AreaFacts


class Areas(Shape):
    """GeoJSON. members, where a day was asked for: [sensor's id, place in features]."""

    type: str = Field(pattern="^FeatureCollection$")
    features: list[Area]
    members: list[Annotated[list[int], Field(min_length=2, max_length=2)]] | None = None


class Drawing(Shape):
    """GeoJSON of the base map: features with a layer."""

    type: str = Field(pattern="^FeatureCollection$")
    features: list[dict[str, Any]]


class Ground(Shape):
    """kind: pmtiles, tiles, geojson or plain. fault: missing, damaged or ""."""

    kind: str
    otherwise: str
    url: str
    fault: str
    raster: bool
    attribution: str
    layers: list[str]
    places: list[list[Any]]
    min_zoom: int
    max_zoom: int


class Placeless(Shape):
    total: int
    sensors: list[dict[str, Any]]


class State(Shape):
    name: str
    alive: bool
    ready: bool
    why: str
    uptime_s: float


def describe(server: FastAPI) -> None:
    """Let the server answer with this description: what FastAPI reads off the routes, and what the guard asks for."""
    server.openapi = lambda: server.openapi_schema or _made(server)  # type: ignore[method-assign]


def _made(server: FastAPI) -> dict[str, Any]:
    ours = [one for one in server.routes if getattr(getattr(one, "original_router", None), "include_in_schema", False)]
    made = get_openapi(title="IOC", version=__version__, description=LEAD, routes=ours)  # Dash's cannot be described
    made.get("components", {}).get("schemas", {}).pop("HTTPValidationError", None)
    made.get("components", {}).get("schemas", {}).pop("ValidationError", None)
    made.setdefault("components", {})["securitySchemes"] = {
        "token": {"type": "http", "scheme": "bearer", "description": "ioc_..., from `ioc tokens add`"},
        "session": {"type": "apiKey", "in": "cookie", "name": SESSION, "description": "somebody who logged in"},
        "display": {"type": "apiKey", "in": "cookie", "name": DISPLAY, "description": "a paired screen"},
    }
    for path, item in made["paths"].items():
        for operation in item.values():
            _secured(path, operation)
    server.openapi_schema = made
    return made


def _secured(path: str, operation: dict[str, Any]) -> None:
    """The right that the guard asks for, who has it, and every refusal."""
    right = surface.needed(path)
    operation["responses"].pop("422", None)
    wanted = {"400", "404", "413", "421"} | (set() if right is None else {"401", "403", "429", "503"})
    for status in sorted(wanted - operation["responses"].keys()):
        operation["responses"][status] = {"description": _ERRORS[status], "content": _PLAIN}
    if right is None:
        operation["security"] = []
        return
    scopes = [name for name, rights in SCOPES.items() if right in rights]
    operation["security"] = [{"token": []}, {"session": []}] + ([{"display": []}] if right == "wall" else [])
    operation["description"] = f"{operation.get('description', '')}\n\nNeeds the right to {right}" + (
        f"; a token needs the scope {' or '.join(scopes)}." if scopes else "; no token has it."
    )
