"""Lets `ioc status`, `ioc replay` and their like find the `ioc up` that runs beside them, without any setting."""

from __future__ import annotations

import fcntl
import os
import sys
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ioc.settings import data_home
from ioc.up.folder import DataFolder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ioc.settings import Settings

# Commands that look or publish; the parts of a production never borrow.
BORROWERS = frozenset({"brief", "cap", "status", "replay", "feeds", "export", "alarms", "roster", "rules", "tokens",
                       "publishers", "certificates", "audit", "doctor", "users", "displays"})  # fmt: skip
_LENT = ("database_url", "broker_url", "broker_ca")
_TOLD = ("base_url", "http_host", "http_port", "hosts", "tls_cert", "smtp_url", "auth", "proxy")  # `ioc doctor` asks


@contextmanager
def offered(data: DataFolder, settings: Settings) -> Iterator[None]:
    """While it lasts, this user's other commands find our database and broker."""
    about = {name: getattr(settings, name) for name in _TOLD}
    data.write("urls.json", {name: getattr(settings, name) for name in _LENT} | {"about": about})
    note = _notes() / str(os.getpid())
    with suppress(OSError):  # a home that cannot be written costs only this comfort
        note.parent.mkdir(parents=True, exist_ok=True)
        note.write_text(str(data.path), encoding="utf-8")
    try:
        yield
    finally:
        note.unlink(missing_ok=True)


def borrowed(settings: Settings, *, tell: bool = True) -> Settings:
    """The settings with the addresses of the one `ioc up` that runs; as they are where there is none, or several."""
    if settings.database_url or settings.broker_url:
        return settings
    running = [folder for note in _all_notes() if (folder := _folder(note)) is not None]
    if len(running) != 1:
        return settings
    urls = DataFolder(running[0]).read("urls.json")
    if tell:
        print(f"ioc: using the `ioc up` that runs on {running[0]}", file=sys.stderr)
    database, broker, ca = (str(urls.get(name, "")) for name in _LENT)
    return replace(settings, database_url=database, broker_url=broker, broker_ca=ca)


def told(settings: Settings, data: Path | None) -> tuple[Path | None, Settings]:
    """The data folder of the `ioc up` that these settings are of, or `data`; and all that it says of itself."""
    running = [data] if data else [folder for note in _all_notes() if (folder := _folder(note)) is not None]
    for folder in running:
        said = DataFolder(folder.expanduser().resolve()).read("urls.json")
        lent = {name: str(said.get(name, "")) for name in _LENT}
        if lent["database_url"] and settings.database_url in ("", lent["database_url"]):
            about = {name: value for name, value in dict(said.get("about", {})).items() if name in _TOLD}
            known: dict[str, Any] = {**lent, **about}
            return folder, replace(settings, **known)
    return data, settings


def _notes() -> Path:
    return data_home() / "ioc" / ".running"


def _all_notes() -> list[Path]:
    return sorted(_notes().iterdir()) if _notes().is_dir() else []


def _folder(note: Path) -> Path | None:
    """The data folder a note names, if an `ioc up` still holds it; a note that was left behind is removed."""
    try:
        folder = Path(note.read_text(encoding="utf-8"))
        with (folder / "lock").open(encoding="utf-8") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return folder if (folder / "urls.json").exists() else None
    except OSError:
        pass
    with suppress(OSError):
        note.unlink()
    return None
