"""city.toml: what makes the system this city."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import ByteSize, Field, field_validator

from ioc.config.types import Duration, Key, Model, Text, parse_duration


class TileServer(Model):
    """Tiles of another server, which browsers ask themselves. layout: how its vector layers are named."""

    url: Annotated[str, Field(pattern=r"^(https?://[\w.:-]+)?/\S*\{z\}\S*$")]
    kind: Literal["vector", "raster"] = "vector"
    layout: Literal["", "openmaptiles", "protomaps", "shortbread", "ioc"] = "openmaptiles"
    min_zoom: Annotated[int, Field(ge=0, le=24)] = 0
    max_zoom: Annotated[int, Field(ge=0, le=24)] = 14


class MapView(Model):
    """Where the map opens: [lon, lat], zoom, and the bounds it may not leave [west, south, east, north]."""

    center: tuple[float, float]
    zoom: Annotated[float, Field(ge=0, le=24)] = 10.0
    bounds: tuple[float, float, float, float] | None = None
    basemap: str | None = None  # a GeoJSON file in the folder: drawn in mails, and under everything where no tiles are
    tiles: str | TileServer | None = None  # a PMTiles file in the folder (`ioc basemap build` makes one), or a server
    attribution: str = ""  # whom the base map is from, said on it


class Domain(Model):
    """A field of city life: air, water, traffic. `order` places it in lists; `icon` names a built-in icon."""

    name: Text
    icon: str = "dot"
    order: int = 100


class History(Model):
    """How long things are kept, and in how much room.

    compress_after: readings and positions older than this are packed (TimescaleDB; plain PostgreSQL packs nothing).
    disk: what the database may take, "200GB"; the disk itself is watched where it is this machine's. disk_warn: so long
    before it is full the contacts are told.
    """

    readings: Duration = Field(default=parse_duration("400d"), validate_default=True)
    positions: Duration = Field(default=parse_duration("30d"), validate_default=True)
    rollup_1m: Duration = Field(default=parse_duration("60d"), validate_default=True)
    rollup_1h: Duration = Field(default=parse_duration("1830d"), validate_default=True)  # days are kept for ever
    quarantine: Duration = Field(default=parse_duration("30d"), validate_default=True)
    compress_after: Duration = Field(default=parse_duration("7d"), validate_default=True)
    disk: ByteSize | None = None
    disk_warn: Duration = Field(default=parse_duration("30d"), validate_default=True)
    quarantine_rows_per_feed: Annotated[int, Field(ge=10, le=1_000_000)] = 1000

    @field_validator("readings", "positions", "rollup_1m", "rollup_1h", "quarantine", "compress_after")
    @classmethod
    def _a_day(cls, value: timedelta) -> timedelta:
        if value < timedelta(days=1):
            raise ValueError("shorter than a day: write 1d or more")
        return value


class Walls(Model):
    """jump: how long a new critical alarm holds the walls that take turns on the scene it belongs to; "0s": never."""

    jump: Duration = Field(default=parse_duration("30s"), validate_default=True)


class MailSettings(Model):
    """Who the mails come from. The SMTP server itself is a setting of the machine: IOC_SMTP_URL."""

    sender: str = "ioc@localhost"
    sender_name: Text = {"": "IOC"}
    reply_to: str | None = None
    bounce_tag: bool = False  # bounces go to user+<mail's id>@ the sender's domain: where that mailbox takes such
    base_url: str = "http://127.0.0.1:8050"  # what links in mails start with; IOC_BASE_URL overrides


class ChannelSettings(Model):
    """A way out beside mail: `kind` is a file in alerts/channels, `options` its own. Secrets are written env:NAME."""

    kind: str
    options: dict[str, Any] = {}


class Watchdog(Model):
    """An alarm that always stands, to prove the whole way from a rule to a mailbox.

    contact: the mailbox, by its key in contacts.toml; every: a mail each; missed: after so many without a delivery
    the walls say so. ping: an address that is asked for once a minute while all is well, for a watcher outside (a dead
    man's switch); env:NAME where it is secret.
    """

    contact: str | None = None
    every: Duration = Field(default=parse_duration("1h"), validate_default=True)
    missed: Annotated[int, Field(ge=1, le=100)] = 2
    ping: str | None = None

    @field_validator("every")
    @classmethod
    def _not_hasty(cls, value: timedelta) -> timedelta:
        if value < timedelta(minutes=1):
            raise ValueError("more often than once a minute: write 1min or more")
        return value

    @field_validator("ping")
    @classmethod
    def _an_address(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith(("https://", "http://", "env:")):
            raise ValueError("write https://..., or env:NAME for an address that is secret")
        return value


class Alarms(Model):
    """longest_shelf: nobody may put an alarm aside for longer. keep: how long after its end an alarm is remembered."""

    longest_shelf: Duration = Field(default=parse_duration("7d"), validate_default=True, le=timedelta(days=7))
    keep: Duration = Field(default=parse_duration("1830d"), validate_default=True, ge=timedelta(days=30))


class City(Model):
    key: Key
    name: Text
    title: Text = {}  # the wall's headline; the name where absent
    zone: str
    languages: Annotated[list[str], Field(min_length=1)] = ["en"]
    map: MapView
    domains: dict[str, Domain] = {}
    history: History = History()
    mail: MailSettings = MailSettings()
    alarms: Alarms = Alarms()
    watchdog: Watchdog = Watchdog()
    channels: dict[Key, ChannelSettings] = {}
    walls: Walls = Walls()

    @field_validator("zone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError(f"no such time zone: {value!r}; write an IANA name such as Asia/Ho_Chi_Minh") from error
        return value

    @property
    def tz(self) -> ZoneInfo:
        return ZoneInfo(self.zone)
