"""`ioc ingest`, `ioc replay`, `ioc feeds ..`, `ioc bench ingest`: what an integrator types."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ioc.groups import group

if TYPE_CHECKING:
    import argparse

    from ioc.settings import Settings

_ELSEWHERE = ("ingest.feeds_commands", "ingest.bridge_commands")  # parts that register themselves


def register(commands: Any) -> None:
    _register_ingest(commands)
    _register_replay(commands)
    feeds = group(commands, "feeds", "connect feeds: check one against samples, propose one, replay its quarantine")
    replay = feeds.add_parser("replay", help="try a feed's quarantined messages again with the present mapping")
    replay.add_argument("folder", type=Path, metavar="CITY", help="city folder")
    replay.add_argument(
        "feed", metavar="FEED", help="feed whose quarantine to replay; `unclaimed` for undeclared topics"
    )
    replay.set_defaults(handler=_replay_quarantine)
    bench = group(commands, "bench", "measure this machine").add_parser(
        "ingest", help="broker -> ingester -> PostgreSQL on this machine: rates and delays"
    )
    bench.add_argument("--json", action="store_true", help="print one JSON object as the last line, and little else")
    bench.add_argument("--seconds", type=float, default=8.0, metavar="N", help="length of the full-speed part (8)")
    bench.add_argument("--broker", choices=("auto", "mosquitto", "nats"), default="auto", help="MQTT broker (auto)")
    bench.add_argument("--sensors", type=int, default=10_000, metavar="N", help="sensors, four values each (10000)")
    bench.set_defaults(handler=_bench)
    for module in _ELSEWHERE:
        if find_spec(module) is not None:
            import_module(module).register(commands)


def _register_ingest(commands: Any) -> None:
    ingest = commands.add_parser("ingest", help="MQTT messages into the store, acknowledged after the commit")
    ingest.add_argument("folder", type=Path, metavar="CITY", help="city folder")
    ingest.add_argument("--name", default="", metavar="NAME", help="of this ingester, where there are several")
    ingest.add_argument("--feeds", default="", metavar="A,B", help="take only these feeds; others take the rest")
    ingest.add_argument("--group", default="", metavar="GROUP", help="share all messages with the others of this group "
                        "(MQTT 5 shared subscriptions; each needs its own --name)")  # fmt: skip
    ingest.set_defaults(handler=_ingest)


def _register_replay(commands: Any) -> None:
    replay = commands.add_parser("replay", help="publish recorded messages: JSON lines, or a CSV with a mapping")
    replay.add_argument("files", nargs="+", type=Path, metavar="FILE", help=".jsonl or .csv, also .gz")
    replay.add_argument("--speed", default="1", metavar="N", help="times true tempo, or max (1)")
    replay.add_argument(
        "--topic", metavar="T", help="publish there instead; in a CSV a template over columns: gauge/{id}"
    )
    replay.add_argument("--mapping", type=Path, metavar="TOML", help="for a CSV: topic, time and payload from columns")
    replay.add_argument("--shift-to-now", action="store_true", help="move all times so that the first is now")
    replay.set_defaults(handler=_replay)


def _ingest(args: argparse.Namespace, settings: Settings) -> int:
    from functools import partial

    from ingest import service
    from ingest.plan import Share
    from ioc import service as runner

    feeds = frozenset(args.feeds.split(",")) if args.feeds else None
    share = Share(args.name, feeds, args.group)
    return runner.run("ingest", partial(service.run, share=share), args.folder, settings)


def _replay(args: argparse.Namespace, settings: Settings) -> int:
    from ingest import replay

    return replay.command(args, settings)


def _replay_quarantine(args: argparse.Namespace, settings: Settings) -> int:
    from ingest import quarantine
    from ioc.config import folder
    from ioc.store import audit, database

    settings.require("database_url")
    found = quarantine.replay_quarantine(folder.load(args.folder), settings.database_url, args.feed)
    with database.connect(settings.database_url, name="ioc feeds replay", autocommit=True) as conn, conn.transaction():
        after = {**found._asdict(), "reasons": dict(found.reasons)}
        audit.note(conn, audit.terminal(), "feed.replay", f"feed:{args.feed}", after=after)
    print(f"{found.tried} tried: {found.stored} stored, {found.duplicate} were there already, {found.left} are left")
    for reason, count in found.reasons.most_common():
        print(f"  {count} {reason}")
    return 0


def _bench(args: argparse.Namespace, settings: Settings) -> int:  # noqa: ARG001  it brings its own everything
    from ingest import bench

    return bench.command(args)
