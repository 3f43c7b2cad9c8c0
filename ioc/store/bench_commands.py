"""`ioc bench store`: its flags."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from ioc.groups import group

if TYPE_CHECKING:
    from ioc.settings import Settings


def register(commands: Any) -> None:
    store = group(commands, "bench", "measure this machine").add_parser(
        "store", help="charts, the city as of a past minute and every other read at two sizes; writing with readers"
    )
    store.add_argument("--json", action="store_true", help="only one JSON object, as the last line")
    store.add_argument(
        "--small", type=_count, default=300_000, metavar="N", help="readings of the small store (300000)"
    )
    store.add_argument("--large", type=_count, default=3_000_000, metavar="N", help="of the large one (3000000)")
    store.add_argument("--series", type=_count, default=10_000, metavar="N", help="series that are live (10000)")
    store.add_argument("--dsn", action="append", default=[], metavar="DSN",
                       help="measure this server, in a database made for it; may be given more than once")  # fmt: skip
    store.add_argument("--plain", action="store_true", help="and also an embedded PostgreSQL, where --dsn is given")
    store.add_argument("--seconds", type=float, default=8.0, metavar="N", help="of writing; 0 leaves it out (8)")
    store.add_argument("--rate", type=_count, default=80_000, metavar="N", help="readings/s to write (80000)")
    store.add_argument("--readers", type=int, default=20, metavar="N", help="that read meanwhile, once a second (20)")
    store.set_defaults(handler=_store)


def _count(text: str) -> int:
    plain = text.replace("_", "").replace(",", "")
    if not (plain.isascii() and plain.isdigit() and int(plain)):
        raise argparse.ArgumentTypeError(f"{text!r}: give a whole number above 0")
    return int(plain)


def _store(args: argparse.Namespace, _: Settings) -> int:
    from ioc.store import bench

    return bench.command(args)
