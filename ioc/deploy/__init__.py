"""Files for production: `ioc deploy compose` and `ioc deploy systemd` copy them to where they are to be edited."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING

from ioc.errors import StartError

if TYPE_CHECKING:
    from pathlib import Path


def write(kind: str, out: Path) -> list[Path]:
    """Copy the files of `kind` ('compose' or 'systemd') into `out`, never over one that is there. Raises StartError."""
    wanted = [f for f in (files("ioc.deploy") / kind).iterdir() if f.is_file()]
    if taken := [f.name for f in wanted if (out / f.name).exists()]:
        raise StartError(f"{out} has {', '.join(sorted(taken))} already: name another folder with --out DIR")
    out.mkdir(parents=True, exist_ok=True)
    for file in wanted:
        (out / file.name).write_bytes(file.read_bytes())
    return sorted(out / f.name for f in wanted)
