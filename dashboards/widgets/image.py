"""A picture of the city folder's `images/`: a coat of arms, a plan, a photo."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal
from urllib.parse import quote

from pydantic import field_validator

from dashboards.node import el, say
from ioc.config.types import Model, Text
from ioc.config.types import say as in_language

if TYPE_CHECKING:
    from dashboards.node import Node
    from dashboards.view import View

NAME = re.compile(r"[\w][\w .-]*\.(png|jpe?g|webp|gif|avif)", re.IGNORECASE)


class Options(Model):
    """file: a name in images/. alt: what it shows, for who cannot see it."""

    file: str
    alt: Text = {}
    fit: Literal["contain", "cover"] = "contain"

    @field_validator("file")
    @classmethod
    def _plain(cls, value: str) -> str:
        if not NAME.fullmatch(value):
            raise ValueError(f"{value!r} is not the name of a picture in images/: write name.png, .jpg, .webp or .avif")
        return value


def draw(options: Options, view: View) -> Node:
    there = (view.folder.path / "images" / options.file).is_file()
    if not there:
        return el("div.text", el("p", {"word": "widget.no_image", "values": {"file": options.file}}))
    return el(
        f"img.{options.fit}", src=f"/images/{quote(options.file)}", alt=say(options.alt) if options.alt else "",
        title=in_language(view.widget.title, "") or None,
    )  # fmt: skip
