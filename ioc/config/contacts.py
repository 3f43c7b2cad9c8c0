"""contacts.toml: who gets which mail."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from ioc.config.duty import Quiet
from ioc.config.rules import Priority
from ioc.config.types import Key, Model

_CLOCK = r"^([01][0-9]|2[0-3]):[0-5][0-9]$|^$"
_WEEKLY = r"^(mon|tue|wed|thu|fri|sat|sun) ([01][0-9]|2[0-3]):[0-5][0-9]$|^$"


class Reach(Model):
    """A further way to this person: a channel of city.toml, the address, and the least priority that goes there."""

    by: Key
    to: Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]
    lowest: Priority = "critical"


class Contact(Model):
    """Empty lists mean "all". `lowest` is the least priority that is mailed; the rest waits for the wall."""

    key: Key
    name: str
    email: Annotated[str, Field(pattern=r"^[^@\s<>\"]+@[^@\s<>\"]+$")]
    language: str = "en"
    zone: str | None = None
    domains: list[str] = []
    areas: list[str] = []
    lowest: Priority = "high"
    channels: list[Reach] = []  # beside mail
    brief: Annotated[str, Field(pattern=_CLOCK)] = ""  # a morning brief at this time of the city: "07:00"
    digest: Annotated[str, Field(pattern=rf"^hourly$|{_CLOCK}")] = ""  # of low priority; 07:00 where absent
    report: Annotated[str, Field(pattern=_WEEKLY)] = ""  # on the alarms' health: "mon 08:00"
    quiet: list[Quiet] = []  # left in peace then, except where on duty: a roster has its own
    everyone: bool = True  # among those who are told when nobody else answers


class Contacts(Model):
    contact: list[Contact] = []
