"""`ioc feeds check` and `ioc feeds suggest`: connect a feed without starting anything."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ioc.errors import ConfigError, Fault, IocError
from ioc.groups import group

if TYPE_CHECKING:
    import argparse

    from ioc.config.feeds import Feed
    from ioc.config.folder import CityFolder
    from ioc.settings import Settings


def register(commands: Any) -> None:
    feeds = group(commands, "feeds", "connect feeds: check one against samples, propose one, replay its quarantine")
    check = feeds.add_parser("check", help="show message by message what a feed would store, and what not and why")
    check.add_argument("feed", metavar="FEED", help="feed file (feeds/NAME.toml), or a feed's name with --city")
    check.add_argument("--sample", type=Path, required=True, metavar="FILE",
                       help="messages: JSON lines, output of mosquitto_sub -v, or one payload; also .gz")  # fmt: skip
    check.add_argument("--city", type=Path, metavar="FOLDER", help="city folder: its metrics, units and zone")
    check.add_argument("--topic", default="", metavar="T", help="topic of payloads that come without one")
    check.add_argument("--show", type=int, default=50, metavar="N", help="messages shown one by one (50)")
    check.set_defaults(handler=_check)
    _register_suggest(feeds)


def _register_suggest(feeds: Any) -> None:
    suggest = feeds.add_parser("suggest", help="propose the feed file for messages nobody has declared")
    suggest.add_argument("file", nargs="?", type=Path, metavar="FILE", help="recorded messages; or listen")
    suggest.add_argument("--listen", type=float, metavar="SECONDS", help="listen on the broker instead")
    suggest.add_argument("--topic", default="", metavar="FILTER", help="what to listen to (#); of a file: its topic")
    suggest.add_argument("--city", type=Path, metavar="FOLDER", help="city folder: its metrics, units and zone")
    suggest.add_argument(
        "--save", type=Path, metavar="FOLDER", help="write the feed files into this folder (a city folder's feeds/)"
    )
    suggest.set_defaults(handler=_suggest)


def _check(args: argparse.Namespace, settings: Settings) -> int:  # noqa: ARG001  nothing is connected
    from ingest import check, report, samples

    folder, key = _with_feed(args.feed, args.city)
    topic = args.topic or example_topic(folder.feeds[key])
    found = samples.read(args.sample, topic)
    made = check.check(folder, key, found, time.time_ns() // 1000)
    print("\n".join([*report.lines(made, folder, args.show), report.summary(made)]))
    return 0 if made.good else 1


def _with_feed(name: str, city: Path | None) -> tuple[CityFolder, str]:
    """The city folder with the feed in it. Raises IocError, ConfigError."""
    from ioc.config import folder as folders

    file = Path(name)
    if file.suffix != ".toml":
        if city is None:
            raise IocError(f"name a feed file, or the city folder that has the feed {name!r}: --city FOLDER")
        folder = folders.load(city)
        if name not in folder.feeds:
            raise IocError(f"there is no feed {name!r} in {city}; there are: {', '.join(folder.feeds)}")
        return folder, name
    beside = file.resolve().parent.parent
    home = city or (beside if (beside / "city.toml").is_file() else None)
    folder = bare_folder() if home is None else folders.load(home)
    return replace(folder, feeds={**folder.feeds, file.stem: read_feed(file)}), file.stem


def read_feed(file: Path) -> Feed:
    """A feed file by itself. Raises IocError, ConfigError."""
    try:
        return parse_feed(file.read_text(encoding="utf-8"), file.name)
    except (OSError, UnicodeDecodeError) as error:
        raise IocError(f"{file} cannot be read: {error}") from error


def parse_feed(text: str, name: str) -> Feed:
    """The text of a feed file. Raises ConfigError with each fault."""
    import tomllib

    from pydantic import ValidationError

    from ioc.config import report
    from ioc.config.feeds import Feed

    try:
        return Feed.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise ConfigError([Fault(name, "", f"not TOML: {error}")]) from error
    except ValidationError as error:
        raise ConfigError([report.fault(name, text, Feed, e) for e in error.errors()]) from error


def bare_folder() -> CityFolder:
    """A city of nothing but a clock, for a feed file that stands alone."""
    from ioc.config.city import City, MapView
    from ioc.config.folder import CityFolder

    city = City(key="none", name={"": "no city"}, zone="UTC", map=MapView(center=(0.0, 0.0)))
    return CityFolder(path=Path(), digest="", city=city)


def example_topic(feed: Feed) -> str:
    """A topic the feed's first filter takes: {name} stands for itself."""
    parts = feed.topics[0].split("/")
    return "/".join("x" if part in ("+", "#") else part.strip("{}") for part in parts)


def _suggest(args: argparse.Namespace, settings: Settings) -> int:
    from ingest import suggesting

    return suggesting.command(args, settings)
