"""The database that an `ioc up` on this machine keeps, for commands that are called beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ioc.embedded.postgres import Postgres
from ioc.settings import SettingsError, data_home
from ioc.up.folder import DataFolder

if TYPE_CHECKING:
    from pathlib import Path

    from ioc.settings import Settings


def database_url(settings: Settings, data: Path | None = None) -> str:
    """The database of the data folder `data`; else the configured one; else that of the only city on this machine.

    Raises SettingsError that says what to give.
    """
    server = embedded(settings, data)
    return settings.database_url if server is None else server.url


def embedded(settings: Settings, data: Path | None = None) -> Postgres | None:
    """The server that `database_url` names where it is that of a data folder; None where it is the configured one."""
    if data is None and settings.database_url:
        return None
    homes = [data] if data else sorted(f.parent for f in (data_home() / "ioc").glob("*/machine.json"))
    if len(homes) == 1:
        return _server(DataFolder(homes[0].expanduser().resolve()))
    if not homes:
        settings.require("database_url")
    names = ", ".join(str(home) for home in homes)
    raise SettingsError(f"there are several cities on this machine, name one with --data: {names}")


def _server(data: DataFolder) -> Postgres:
    known = data.read("machine.json")
    if "database_port" not in known:
        raise SettingsError(
            f"{data.path} is not a data folder of `ioc up`, or its database is elsewhere: set IOC_DATABASE_URL"
        )
    return Postgres(data.postgres, int(known["database_port"]), str(known.get("database_password", "")))
