"""`ioc sbom`: the bill of materials to a file or the terminal, or the table of licences."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from ioc.settings import Settings
    from ioc.supply.parts import Missing, Part


def register(commands: Any) -> None:
    sbom = commands.add_parser("sbom", help="what this installation is made of: a CycloneDX bill of materials")
    sbom.add_argument("--out", type=Path, metavar="FILE", help="write it there instead of to the terminal")
    sbom.add_argument(
        "--licences", action="store_true", help="a table of licences; exit code 1 where one does not go with ours"
    )
    sbom.set_defaults(handler=_sbom)


def _sbom(args: argparse.Namespace, _: Settings) -> int:
    from ioc.supply import parts

    found, missing = parts.gather()
    if args.licences:
        return _licences(found, missing)
    _warn(missing)
    return _write(found, args.out)


def _write(found: Sequence[Part], out: Path | None) -> int:
    from datetime import UTC, datetime

    import orjson

    from ioc.supply import sbom

    text = orjson.dumps(sbom.bill(found, datetime.now(UTC)), option=orjson.OPT_INDENT_2).decode()
    if out is None:
        print(text)
    else:
        out.write_text(text + "\n", encoding="utf-8")
        print(f"{out}: {len(found)} parts")
    return 0


def _licences(found: Sequence[Part], missing: Sequence[Missing]) -> int:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from ioc.supply.licences import OURS, STRONG, UNKNOWN, WEAK

    said = {WEAK: "its own files stay open", UNKNOWN: "UNKNOWN: look it up", STRONG: f"DOES NOT GO WITH {OURS}"}
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = max(console.width, 160)
    table = Table(box=box.SIMPLE, pad_edge=False)
    for column in ("part", "version", "licence", "inside", ""):
        table.add_column(column)
    for p in found:
        inside = p.inside.removeprefix("pkg:pypi/").partition("@")[0]
        table.add_row(*map(Text, (p.name, p.version, p.licence, inside, said.get(p.verdict, ""))))
    console.print(table)
    _warn(missing)
    bad, unsure = ([p.name for p in found if p.verdict == v] for v in (STRONG, UNKNOWN))
    print(f"{len(found)} parts; {len(bad)} do not go with {OURS}" + (f": {', '.join(bad)}" if bad else "")
          + f"; licence not known of {len(unsure)}" + (f": {', '.join(unsure)}" if unsure else ""))  # fmt: skip
    return 1 if bad else 0


def _warn(missing: Sequence[Missing]) -> None:
    for gone in missing:
        print(f"ioc: {gone.name}, which {gone.by} needs, is not installed, and not listed", file=sys.stderr)
