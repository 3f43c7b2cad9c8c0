"""Messages as signed JSON to an address of the city's own: a ticket system, a chat, another operations centre.

Signed after the Standard Webhooks specification: headers webhook-id (the same in every attempt: its idempotency key),
webhook-timestamp, webhook-signature = v1,base64(HMAC-SHA-256(secret, "id.timestamp.body")).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import TYPE_CHECKING, Annotated

import orjson
from pydantic import Field

from alerts import web
from ioc.config.types import Model

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from alerts.card import Card
    from alerts.fate import Result
    from alerts.outgoing import Message
    from ioc.store.outbox import Letter


class Options(Model):
    """secret: signs the body, `env:NAME`."""

    url: Annotated[str, Field(pattern=r"^https?://[^/\s{}]+(/\S*)?$")]
    secret: Annotated[str, Field(pattern=r"^env:[A-Z][A-Z0-9_]*$")]


def compile(options: Options) -> Options:  # noqa: A001  the contract's name
    return options


def write(message: Message, _: Options) -> bytes:
    return orjson.dumps({
        "id": message.id, "kind": message.kind, "reasons": message.reasons, "priority": message.priority,
        "title": message.title, "action": message.action, "link": message.link, "to": message.to,
        "language": message.language, "at": message.at.isoformat(), "total": message.total,
        "critical": message.critical, "alarms": [_alarm(card) for card in message.listed],
    })  # fmt: skip


def _alarm(card: Card) -> dict[str, object]:
    return {"id": card.id, "episode": card.episode, "priority": card.priority, "over": card.over, "rule": card.rule,
            "headline": card.headline, "place": card.place, "since": card.since, "value": card.value,
            "link": card.link}  # fmt: skip


def request(letter: Letter, options: Options, secret: Callable[[str], str], now: datetime) -> web.Request:
    key, stamp = secret(options.secret), str(int(now.timestamp()))
    headers = {"Content-Type": "application/json", "User-Agent": "ioc", "webhook-id": str(letter.id),
               "webhook-signature": sign(key, str(letter.id), stamp, letter.mime),
               "webhook-timestamp": stamp}  # fmt: skip
    return web.Request("POST", options.url, headers, letter.mime, (key,))


def sign(key: str, ident: str, stamp: str, body: bytes) -> str:
    digest = hmac.new(key.encode(), f"{ident}.{stamp}.".encode() + body, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}"


def meaning(answer: web.Answer, _: Options) -> Result:
    return web.meaning(answer)
