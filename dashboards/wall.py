"""Pages that need no Dash: the wall, which must run for months with nothing that can stop, and its pairing."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader

from dashboards import viewer
from ioc import __version__
from ioc.access.rights import Right
from ioc.config.types import say
from ioc.language import marks, units, words

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from ioc.config.folder import CityFolder

HERE = Path(__file__).parent
ASSETS = HERE / "assets"
_WALL_PARTS = (".js", ".css")
_DESK_ONLY = "6"  # assets that only desk pages load begin with it
TEMPLATES = Environment(loader=FileSystemLoader(HERE / "templates"), autoescape=True, trim_blocks=True)


def build(folder: CityFolder) -> str:
    """A hash of what a wall is made of: one that hears of another loads itself anew."""
    scenes = orjson.dumps({key: scene.model_dump(mode="json") for key, scene in folder.scenes.items()})
    return files_build() + hashlib.sha256(scenes).hexdigest()[:6]


@cache
def files_build() -> str:
    """A hash of the screens' own files, for caches."""
    total = hashlib.sha256(__version__.encode())
    for file in sorted(p for p in ASSETS.iterdir() if p.suffix in _WALL_PARTS):
        total.update(file.read_bytes())
    return total.hexdigest()[:12]


def page_facts(folder: CityFolder, may: Collection[str] = (), **more: Any) -> str:
    """What our scripts must know, as JSON that is safe inside a script element."""
    language = viewer.language()
    said = {**words("ioc", language), **words("dashboards", language)}
    facts = {"language": language, "words": said, "marks": list(marks(language)), "units": units(language),
             "build": build(folder), **city_facts(folder, may), **more}  # fmt: skip
    return in_script(facts)


def in_script(facts: Any) -> str:
    return (
        orjson.dumps(facts).decode().replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
    )


def city_facts(folder: CityFolder, may: Collection[str] = ()) -> dict[str, Any]:
    """Name, zone, map view, domains, scenes, and after how many seconds data is late or dead.

    may: the scenes that a paired screen may show; empty: every one.
    """
    city = folder.city
    late, dead = patience(folder)
    return {
        "name": city.name, "title": city.title or city.name, "zone": city.zone, "late": late, "dead": dead,
        "jump": city.walls.jump.total_seconds(),
        "map": {"center": city.map.center, "zoom": city.map.zoom, "bounds": city.map.bounds,
                "basemap": city.map.basemap is not None},
        "domains": {key: {"name": d.name, "order": d.order, "icon": d.icon} for key, d in city.domains.items()},
        "scenes": {
            key: {"title": s.title, "domains": s.domains, "columns": s.columns, "rows": s.rows, "screens": s.screens,
                  "rotate": s.rotate_after and s.rotate_after.total_seconds(),
                  "widgets": [{"kind": w.kind, "at": w.at} for w in s.widget]}
            for key, s in sorted(folder.scenes.items(), key=lambda item: (item[1].order, item[0]))
            if not may or key in may
        },
    }  # fmt: skip


def patience(folder: CityFolder) -> tuple[float, float]:
    """Seconds without any data after which the city is late, and dead: by its fastest feed's own cadence."""
    cadences = [f.cadence for f in folder.feeds.values() if f.cadence and f.enabled]
    fastest = min(cadences, default=timedelta(seconds=10)).total_seconds()
    return max(5.0, 1.5 * fastest), max(20.0, 4 * fastest)


def area_collection(rows: Iterable[dict[str, Any]], language: str) -> dict[str, Any]:
    """Areas as GeoJSON; a feature's id is its place in the list."""
    return {
        "type": "FeatureCollection",
        "features": [
            {"type": "Feature", "id": i, "geometry": row["geometry"],
             "properties": {"key": row["key"], "kind": row["kind"], "name": say(row["name"], language)}}
            for i, row in enumerate(rows)
        ],
    }  # fmt: skip


def assets(*, desk: bool) -> tuple[list[str], list[str]]:
    """Addresses of the scripts and style sheets a page loads, in order; the build in each keeps caches honest."""
    files = sorted(p.name for p in ASSETS.iterdir() if desk or not p.name.startswith(_DESK_ONLY))
    named = {ending: [f"/assets/{f}?b={files_build()}" for f in files if f.endswith(ending)] for ending in _WALL_PARTS}
    return named[".js"], named[".css"]


def page(
    folder: CityFolder, scene: str, *, may: Collection[str] = (), display: dict[str, Any] | None = None
) -> HTMLResponse:
    """A wall: the frame of it; scripts fill it. A paired screen is refused what it may not show, with its own wall.

    may: the scenes it may show; empty: every one. display: what was chosen for it.
    """
    scripts, styles = assets(desk=False)
    language = viewer.language()
    known, allowed = scene in folder.scenes or not scene, not scene or not may or scene in may
    facts = page_facts(folder, may, scene=scene if known and allowed else "", display=display)
    html = TEMPLATES.get_template("wall.html").render(
        language=language, title=say(folder.city.title or folder.city.name, language), scripts=scripts, styles=styles,
        facts=facts, initials=_initials(say(folder.city.name, language)), words=words("dashboards", language),
        desk=viewer.CURRENT.get().may(Right.LOOK),
    )  # fmt: skip
    return HTMLResponse(html, 403 if not allowed else 200 if known else 404)


def pairing(to: str, host: str) -> HTMLResponse:
    """What a screen that is not paired shows. to: the wall it is for; host: of this server."""
    language = viewer.language()
    said = words("dashboards", language)
    shown = {key: text for key, text in said.items() if key.startswith("pair.")}
    html = TEMPLATES.get_template("pair.html").render(
        language=language, words=said, to=to, host=host, facts=in_script({"next": to, "words": shown}),
        scripts=[f"/assets/69-pair.js?b={files_build()}"],
        styles=[f"/assets/{name}?b={files_build()}" for name in ("05-fonts.css", "10-base.css", "69-pair.css")],
    )  # fmt: skip
    return HTMLResponse(html, headers={"Cache-Control": "no-store"})


def own_path(path: str) -> str:
    """A path on this server, never another one's address."""
    own = path.startswith("/") and not path.startswith("//") and "\\" not in path and path.isprintable()
    return path if own and len(path) <= 2000 else "/"


def _initials(name: str) -> str:
    return "".join(word[0] for word in name.split()[:2]).upper()
