"""A stored mail -> what a sandboxed frame shows: its HTML with the pictures inside, able to load and run nothing."""

from __future__ import annotations

import base64
import re
from email import message_from_bytes, policy
from typing import TYPE_CHECKING, Any
from uuid import UUID

from fastapi.responses import HTMLResponse, PlainTextResponse, Response

if TYPE_CHECKING:
    from email.message import EmailMessage

_CID = re.compile(r"cid:([^\"'\s)>]+)")
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; sandbox; frame-ancestors 'self'"


def is_id(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def answer(row: dict[str, Any] | None, id_: str, part: str) -> Response:
    """/mail/<id>/html for the frame, /mail/<id>/source for the message as it was sent."""
    if row is None or row["mime"] is None or part not in {"html", "source"}:
        return PlainTextResponse("there is no such mail\n", 404, headers={"Content-Security-Policy": _POLICY})
    if part == "source":
        head = {"Content-Disposition": f'attachment; filename="{id_}.eml"', "Content-Security-Policy": _POLICY}
        return Response(bytes(row["mime"]), media_type="message/rfc822", headers=head)
    return HTMLResponse(html(bytes(row["mime"])), headers={"Content-Security-Policy": _POLICY})


def html(mime: bytes) -> str:
    """The HTML part, each picture it names by cid put in its place."""
    message = _read(mime)
    body = message.get_body(("html",))
    if body is None:
        return "<!doctype html><title>-</title><p>-</p>"
    pictures = {
        str(p["content-id"]).strip("<> "): _data(p) for p in message.walk() if p["content-id"] and _is_picture(p)
    }
    return _CID.sub(lambda found: pictures.get(found[1], "data:,"), str(body.get_content()))


def plain(mime: bytes) -> str:
    """The text part."""
    body = _read(mime).get_body(("plain",))
    return "" if body is None else str(body.get_content())


def _read(mime: bytes) -> EmailMessage:
    return message_from_bytes(mime, policy=policy.default)


def _is_picture(part: Any) -> bool:
    return part.get_content_type() in {"image/png", "image/jpeg", "image/gif"}


def _data(part: Any) -> str:
    return f"data:{part.get_content_type()};base64,{base64.b64encode(part.get_payload(decode=True)).decode()}"
