"""contacts.toml: who gets which mail."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from ioc.config.duty import Quiet
from ioc.config.rules import Priority
from ioc.config.types import Key, Model


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
    quiet: list[Quiet] = []  # left in peace then, except where on duty: a roster has its own
    everyone: bool = True  # among those who are told when nobody else answers


class Contacts(Model):
    contact: list[Contact] = []
