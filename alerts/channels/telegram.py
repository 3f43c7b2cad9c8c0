"""Messages to a person or group in Telegram, by a bot of the city's own. The contact's `to` is the chat's id."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import orjson
from pydantic import Field

from alerts import web
from alerts.fate import Fate, Result
from alerts.reader import short
from ioc.config.types import Model

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from alerts.outgoing import Message
    from ioc.store.outbox import Letter

_MOST = 4000  # characters; Telegram takes 4096
_NOBODY = ("chat not found", "bot was blocked", "user is deactivated", "bot was kicked", "not enough rights")


class Options(Model):
    """token: the bot's, `env:NAME`. base: for a Bot API server of one's own."""

    token: Annotated[str, Field(pattern=r"^env:[A-Z][A-Z0-9_]*$")]
    base: Annotated[str, Field(pattern=r"^https?://[^/\s]+(/\S*)?$")] = "https://api.telegram.org"


def compile(options: Options) -> Options:  # noqa: A001  the contract's name
    return options


def write(message: Message, _: Options) -> bytes:
    """Plain text: what a feed says cannot become markup."""
    lines = [message.title]
    if message.action:
        lines += ["", message.action]
    if message.total > 1:
        lines += ["", *(f"{card.word}: {card.headline}, {card.place}" for card in message.listed)]
    text = short("\n".join(lines), _MOST - len(message.link) - 2) + f"\n\n{message.link}"
    quiet = message.priority > 2
    body = {
        "chat_id": message.to,
        "text": text,
        "disable_notification": quiet,
        "link_preview_options": {"is_disabled": True},
    }
    return orjson.dumps(body)


def request(letter: Letter, options: Options, secret: Callable[[str], str], _: datetime) -> web.Request:
    token = secret(options.token)
    url = f"{options.base.rstrip('/')}/bot{token}/sendMessage"
    return web.Request("POST", url, {"Content-Type": "application/json", "User-Agent": "ioc"}, letter.mime, (token,))


def meaning(answer: web.Answer, _: Options) -> Result:
    """Its JSON says more than its status: how long to wait, and that nobody is there."""
    said = _json(answer.text)
    words = str(said.get("description", answer.text)).lower()
    if answer.status in (400, 403) and any(one in words for one in _NOBODY):
        return Result(Fate.NO_ADDRESS, answer.text)
    result = web.meaning(answer)
    parameters = said.get("parameters")
    after = parameters.get("retry_after", 0) if isinstance(parameters, dict) else 0
    return Result(result.fate, result.reply, max(result.after, float(after or 0)), result.down)


def _json(text: str) -> dict[str, object]:
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}
