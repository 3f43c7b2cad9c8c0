"""A database to save or to fill: the configured one, or that of a data folder, started for as long as is needed."""

from __future__ import annotations

import secrets
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ioc.embedded.broker import free_port
from ioc.embedded.postgres import Postgres
from ioc.errors import StartError
from ioc.up.folder import DataFolder
from ioc.up.found import embedded

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ioc.settings import Settings


@contextmanager
def to_save(settings: Settings, data: Path | None) -> Iterator[str]:
    """The URL of a database that answers. Raises SettingsError, StartError."""
    server = embedded(settings, data)
    if server is None or server.answers():
        yield settings.database_url if server is None else server.url
        return
    with _folder(server.folder.parent.parent), _started(server):
        yield server.url


@contextmanager
def to_fill(settings: Settings, data: Path | None) -> Iterator[str]:
    """The URL of a database to restore into; the one of a new data folder is made. Raises SettingsError, StartError."""
    if data is None:
        settings.require("database_url")
        yield settings.database_url
        return
    with _folder(data.expanduser().resolve()) as folder:
        known = folder.read("machine.json")
        known.setdefault("database_port", free_port())
        known.setdefault("database_password", secrets.token_urlsafe(18))
        folder.write("machine.json", known)
        (folder.path / "machine.json").chmod(0o600)
        server = Postgres(folder.postgres, int(known["database_port"]), str(known["database_password"]))
        with _started(server):
            yield server.url


@contextmanager
def _folder(path: Path) -> Iterator[DataFolder]:
    """Held, so that no `ioc up` starts on it meanwhile."""
    folder = DataFolder(path)
    folder.open_()
    try:
        yield folder
    finally:
        folder.close()


@contextmanager
def _started(server: Postgres) -> Iterator[None]:
    if server.answers():
        raise StartError(f"something already answers on 127.0.0.1:{server.port}: end it first")
    server.start()
    try:
        yield
    finally:
        server.stop()
