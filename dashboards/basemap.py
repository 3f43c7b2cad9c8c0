"""What the city folder says of its base map -> what browsers are told: tiles, a drawing, or plain.

A tile file that is missing or damaged is no reason to show nothing: it is said, and the next best is drawn.
"""

from __future__ import annotations

import gzip
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from pmtiles.reader import MmapSource, Reader
from pmtiles.tile import TileType

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ioc.config.city import TileServer
    from ioc.config.folder import CityFolder

TILES = "/api/basemap/tiles"
_MOST_PLACES = 5000


class Facts(NamedTuple):
    """kind: pmtiles, tiles, geojson or plain; otherwise: what to draw where that fails; fault: missing, damaged or "".

    layers: of the vector tiles. places: [name, lon, lat, rank] to search for.
    """

    kind: str
    otherwise: str
    url: str = ""
    fault: str = ""
    raster: bool = False
    attribution: str = ""
    layers: list[str] = []
    places: list[list[Any]] = []
    min_zoom: int = 0
    max_zoom: int = 14
    schema: str = ""


def facts(folder: CityFolder) -> Facts:
    """What to draw under the city now: the files are looked at anew each time."""
    view = folder.city.map
    otherwise = "geojson" if drawing(folder) else "plain"
    if view.tiles is None:
        return Facts(otherwise, otherwise, fault=_drawing_fault(folder), attribution=view.attribution)
    if not isinstance(view.tiles, str):
        return _served(view.tiles, otherwise, view.attribution)
    file = tile_file(folder)
    if file is None:
        return Facts(otherwise, otherwise, fault="missing", attribution=view.attribution)
    state = file.stat()
    found = inspect(file, state.st_mtime_ns, state.st_size)
    if found is None:
        return Facts(otherwise, otherwise, fault="damaged", attribution=view.attribution)
    url = f"{TILES}?v={state.st_mtime_ns:x}-{state.st_size:x}"
    return found._replace(url=url, otherwise=otherwise, attribution=view.attribution or found.attribution)


def drawing(folder: CityFolder) -> Path | None:
    """The GeoJSON base map of the folder, if there is one."""
    file = _inside(folder, folder.city.map.basemap)
    return file if file is not None and file.suffix in {".geojson", ".json"} else None


def tile_file(folder: CityFolder) -> Path | None:
    """The folder's tile file, if it is there."""
    tiles = folder.city.map.tiles
    return _inside(folder, tiles) if isinstance(tiles, str) else None


def origins(folder: CityFolder) -> list[str]:
    """Other servers that browsers must be let ask: that of the tiles, where city.toml names one."""
    tiles = folder.city.map.tiles
    if tiles is None or isinstance(tiles, str):
        return []
    parts = urlsplit(tiles.url)
    return [f"{parts.scheme}://{parts.netloc}"] if parts.netloc else []


@lru_cache(maxsize=4)
def inspect(file: Path, changed: int, size: int) -> Facts | None:  # noqa: ARG001  they make a changed file another one
    """The file's own description; None where it cannot be read, down to its first tile."""
    try:
        with file.open("rb") as opened:
            reader = Reader(MmapSource(opened))
            header, metadata = reader.header(), reader.metadata()
            sound = (
                _a_tile(reader, header) is not None and header["tile_data_offset"] + header["tile_data_length"] <= size
            )
    except Exception:  # noqa: BLE001  the reader raises whatever a damaged file makes it stumble over
        return None
    raster = header["tile_type"] != TileType.MVT
    layers = [str(layer.get("id")) for layer in metadata.get("vector_layers") or []]
    places = [row for row in metadata.get("places") or [] if isinstance(row, list) and len(row) == 4]
    said = Facts("pmtiles", "", raster=raster, attribution=str(metadata.get("attribution") or ""), layers=layers,
                 places=places[:_MOST_PLACES], min_zoom=header["min_zoom"], max_zoom=header["max_zoom"])  # fmt: skip
    return said if sound else None


def _a_tile(reader: Reader, header: dict[str, Any]) -> bytes | None:
    """Some tile of the file, unpacked."""
    from pmtiles.tile import tileid_to_zxy

    for tile in _first_ids(reader, header):
        data: bytes | None = reader.get(*tileid_to_zxy(tile))
        if data:
            return gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
    return None


def _first_ids(reader: Reader, header: dict[str, Any]) -> Iterator[int]:
    from pmtiles.tile import deserialize_directory

    entries = deserialize_directory(reader.get_bytes(header["root_offset"], header["root_length"]))
    yield from (entry.tile_id for entry in entries[:3])


def _served(tiles: TileServer, otherwise: str, attribution: str) -> Facts:
    return Facts("tiles", otherwise, tiles.url, raster=tiles.kind == "raster", attribution=attribution,
                 min_zoom=tiles.min_zoom, max_zoom=tiles.max_zoom, schema=tiles.layout)  # fmt: skip


def _drawing_fault(folder: CityFolder) -> str:
    named = folder.city.map.basemap
    return "missing" if named and _inside(folder, named) is None else ""


def _inside(folder: CityFolder, name: str | None) -> Path | None:
    """A file of the folder, never one outside it."""
    if not name:
        return None
    file = (folder.path / name).resolve()
    return file if file.is_file() and file.is_relative_to(folder.path.resolve()) else None
