"""`ioc dashboards CITY`: the screens of one city; `ioc bench latency`: publish -> painted."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ioc.groups import group

if TYPE_CHECKING:
    import argparse

    from ioc.settings import Settings


def register(commands: Any) -> None:
    screens = commands.add_parser("dashboards", help="serve the walls and desk pages of a city")
    screens.add_argument("folder", type=Path, metavar="CITY", help="city folder")
    screens.set_defaults(handler=_dashboards)

    bench = group(commands, "bench", "measure this machine").add_parser(
        "latency", help="publish -> painted in a real browser, with embedded parts"
    )
    bench.add_argument("--json", action="store_true", help="print one JSON object as the last line, and little else")
    bench.add_argument("--seconds", type=float, metavar="N",
                       help="length of the measurement (20, less after a slow start: done in a minute)")  # fmt: skip
    bench.add_argument("--sensors", type=int, default=1000, metavar="N", help="points on the map (1000)")
    bench.add_argument("--rate", type=int, default=200, metavar="N", help="messages a second (200)")
    bench.set_defaults(handler=_bench)

    screens_of = group(commands, "bench", "measure this machine").add_parser(
        "map", help="50,000 points, 5,000 changes/s, 200 displays and a browser that paints"
    )
    screens_of.add_argument("--json", action="store_true", help="print one JSON object as the last line, little else")
    screens_of.add_argument("--points", type=int, default=50_000, metavar="N", help="sensors on the map (50000)")
    screens_of.add_argument("--rate", type=int, default=5000, metavar="N", help="changed values a second (5000)")
    screens_of.add_argument("--displays", type=int, default=200, metavar="N", help="sockets that listen (200)")
    screens_of.add_argument("--seconds", type=float, metavar="N", help="length of the measurement (done in a minute)")
    screens_of.add_argument("--soak", type=float, metavar="HOURS", help="measure for hours instead")
    screens_of.set_defaults(handler=_bench_map)

    built = group(commands, "basemap", "the map under everything").add_parser(
        "build", help="make a tile file of the folder's drawing"
    )
    built.add_argument("folder", type=Path, metavar="CITY", help="city folder with a GeoJSON basemap")
    built.add_argument("--to", default="basemap.pmtiles", metavar="NAME", help="file to write (basemap.pmtiles)")
    built.set_defaults(handler=_basemap)


def _dashboards(args: argparse.Namespace, settings: Settings) -> int:
    from dashboards import service
    from ioc import service as runner

    return runner.run("dashboards", service.run, args.folder, settings)


def _bench_map(args: argparse.Namespace, settings: Settings) -> int:  # noqa: ARG001  it brings its own everything
    from dashboards import bench_map

    return bench_map.command(args)


def _basemap(args: argparse.Namespace, settings: Settings) -> int:  # noqa: ARG001  of the folder alone
    from dashboards import basemap, basemap_build
    from ioc.config import folder as city_folder
    from ioc.errors import StartError

    folder = city_folder.load(args.folder)
    drawing = basemap.drawing(folder)
    if drawing is None:
        raise StartError(f"{args.folder}/city.toml names no GeoJSON basemap: set basemap under [map]")
    target = folder.path / args.to
    try:
        count = basemap_build.build(drawing, target, folder.city.map.attribution)
    except ValueError as error:
        raise StartError(f"{drawing.name} cannot be drawn as tiles: {error}") from error
    print(f'{target}: {count} tiles, {target.stat().st_size // 1024} kB; name it in city.toml: tiles = "{args.to}"')
    return 0


def _bench(args: argparse.Namespace, settings: Settings) -> int:  # noqa: ARG001  it brings its own everything
    from dashboards import bench

    return bench.command(args)
