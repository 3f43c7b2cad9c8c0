"""A city folder that changed in; which of its files, line by line, into the audit."""

from __future__ import annotations

import hashlib
import pwd
import re
import socket
from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from ioc.access.holder import Who
from ioc.store import audit, queries
from ioc.store.audit import Deed
from ioc.watch import files

if TYPE_CHECKING:
    from pathlib import Path

    from ioc.config.folder import CityFolder
    from ioc.store.database import Connection

_TEXT = {".toml", ".csv", ".json", ".geojson", ".md", ".txt", ".svg"}
_LONGEST = 4_000_000  # bytes of a file whose lines are kept; of others only what they hash to
_LINES, _WIDTH = 100, 300  # of one file's change
_FILES = 200  # of one change of the folder
_SECRET = re.compile(r"(?i)((?:passw\w*|secret\w*|token\w*|api_?key\w*)[\"']?\s*[=:]\s*)(\S.*)")


class File(NamedTuple):
    """content: None where it is no text, or too much."""

    sha256: str
    content: str | None


def note_change(conn: Connection, folder: CityFolder, was: str | None) -> None:
    """What is different from when the folder was last read, one row a file. was: its digest then.

    In the caller's transaction. A folder that is read for the first time is one row.
    """
    there = {str(path.relative_to(folder.path)): path for path in files(folder.path)}
    now = {name: _read(path) for name, path in there.items()}
    before = {name: File(*rest) for name, *rest in conn.execute(_sql("config_files"))}
    changed = [name for name in sorted({*now, *before}) if now.get(name) != before.get(name)]
    what, digest = "config.change" if before else "config.load", {"digest": was} if was else None
    whole = Deed(what, f"city:{folder.city.key}", digest, {"digest": folder.digest, **_counts(before, now, changed)})
    deeds = (
        [_deed(name, before.get(name), now.get(name), there.get(name)) for name in changed[:_FILES]] if before else []
    )
    audit.note_all(conn, Who("ioc", "program", socket.gethostname()), [whole, *deeds])
    rows = [{"path": name, **now[name]._asdict()} for name in changed if name in now]
    conn.execute(_sql("config_put"), {"rows": orjson.dumps(rows).decode()})
    conn.execute(_sql("config_gone"), {"paths": list(now)})


def _read(path: Path) -> File:
    content = path.read_bytes()
    text = None
    if path.suffix.lower() in _TEXT and len(content) <= _LONGEST:
        text = content.decode("utf-8", "replace").replace("\0", "\ufffd")
    return File(hashlib.sha256(content).hexdigest(), text)


def _counts(before: dict[str, File], now: dict[str, File], changed: list[str]) -> dict[str, Any]:
    if not before:
        return {"files": len(now)}
    said = {
        "added": [n for n in changed if n not in before], "removed": [n for n in changed if n not in now],
        "changed": [n for n in changed if n in before and n in now],
    }  # fmt: skip
    return {what: names[:_FILES] for what, names in said.items() if names}


def _deed(name: str, old: File | None, new: File | None, path: Path | None) -> Deed:
    """Lines that are gone, and lines that came: what only moved within the file is none of both."""
    lines = [Counter(side.content.splitlines() if side and side.content else ()) for side in (old, new)]
    gone, come = lines[0] - lines[1], lines[1] - lines[0]
    after = {**_side(new, come, lines[1]), **(_touched(path) if path else {})} if new else None
    return Deed("config.file", f"config:{name}", _side(old, gone, lines[0]) if old else None, after)


def _side(side: File, only: Counter[str], order: Counter[str]) -> dict[str, Any]:
    shown = [_line(line) for line in order if line in only and line.strip()]
    more = {"lines_more": len(shown) - _LINES} if len(shown) > _LINES else {}
    return {"sha256": side.sha256[:16], **({"lines": shown[:_LINES]} if shown else {}), **more}


def _line(line: str) -> str:
    shown = _SECRET.sub(r"\1•••", line)
    return shown if len(shown) <= _WIDTH else shown[:_WIDTH] + "…"


def _touched(path: Path) -> dict[str, str]:
    """Whose file it is, and when it was written: the nearest to who changed it that a folder tells."""
    stat = path.stat()
    try:
        owner = pwd.getpwuid(stat.st_uid).pw_name
    except KeyError:
        owner = str(stat.st_uid)
    return {"owner": owner, "written": datetime.fromtimestamp(stat.st_mtime, UTC).isoformat(timespec="seconds")}


def _sql(name: str) -> bytes:
    return queries.load("audit")[name]
