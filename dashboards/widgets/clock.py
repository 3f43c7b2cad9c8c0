"""The time of the server, in the city's zone or another one."""

from __future__ import annotations

from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import field_validator

from dashboards.node import el, say
from ioc.config.types import Model

if TYPE_CHECKING:
    from dashboards.node import Node
    from dashboards.view import View


class Options(Model):
    zone: str | None = None  # an IANA name; the city's where absent
    seconds: bool = True

    @field_validator("zone")
    @classmethod
    def _known(cls, value: str | None) -> str | None:
        try:
            ZoneInfo(value or "UTC")
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError(f"no such time zone: {value!r}; write an IANA name such as Asia/Vientiane") from error
        return value


def draw(options: Options, view: View) -> Node:
    return el(
        "div.clock",
        el("h2.label", say(view.widget.title)) if view.widget.title else None,
        el("@clock.num", zone=options.zone, seconds=options.seconds),
    )
