"""Messages as one SMS each, over any provider's gateway that takes HTTP.

One SMS holds 160 characters of GSM-7, or 70 where one letter is beyond it, as most Vietnamese and all Lao are.
`accents = false` writes Vietnamese without its marks, as people do on phones, which more than doubles what is said.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Annotated, Literal
from urllib.parse import quote, urlencode

import orjson
from pydantic import Field

from alerts import web
from alerts.fate import Fate, Result
from ioc.config.types import Model

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from alerts.outgoing import Message
    from ioc.store.outbox import Letter

_BASIC = set("@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
             "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà")  # fmt: skip
_TWICE = set("^{}\\[~]|€")  # take two places
_PLAIN = str.maketrans({"–": "-", "—": "-", "…": "...", "≤": "<=", "≥": ">=", "−": "-", "“": '"', "”": '"', "’": "'",
                        "·": "-", "đ": "d", "Đ": "D", "µ": "u", "³": "3", "²": "2", "°": " "})  # fmt: skip
GSM, UCS = 160, 70


class Options(Model):
    """url, and body or query as the provider wants them: `{to}`, `{text}`, `{id}` are filled in, quoted.

    fields: what is sent, as JSON, as a form, or in the query. headers: a value `env:NAME` is a secret, also after a
    word as in "Bearer env:NAME". accepted: a pattern the answer must have, for gateways that say 200 to everything.
    """

    url: Annotated[str, Field(pattern=r"^https?://[^/\s{}]+(/\S*)?$")]
    method: Literal["POST", "GET"] = "POST"
    send_as: Literal["json", "form", "query"] = "json"
    fields: dict[str, str] = {"to": "{to}", "text": "{text}", "id": "{id}"}
    headers: dict[str, str] = {}
    accepted: str = ""
    accents: bool = True


_SECRET = re.compile(r"env:[A-Z][A-Z0-9_]*")


def compile(options: Options) -> Options:  # noqa: A001  the contract's name
    try:
        re.compile(options.accepted)
    except re.error as error:
        raise ValueError(f"accepted is no pattern: {error}") from error
    if not any("{text}" in value for value in options.fields.values()):
        raise ValueError("no field holds {text}")
    if options.method == "GET" and options.send_as != "query":
        raise ValueError('GET sends its fields in the query: send_as = "query"')
    return options


def write(message: Message, options: Options) -> bytes:
    """The text alone: as much as one SMS holds, the link first to go."""
    line = message.line if options.accents else plain(message.line)
    return cut(line, message.link).encode()


def plain(text: str) -> str:
    """Vietnamese without marks, and signs that GSM-7 has."""
    marked = unicodedata.normalize("NFD", text.translate(_PLAIN))
    return unicodedata.normalize("NFC", "".join(c for c in marked if not unicodedata.combining(c)))


def size(text: str) -> tuple[int, int]:
    """(places taken, places there are) in one SMS."""
    if all(c in _BASIC or c in _TWICE for c in text):
        return sum(2 if c in _TWICE else 1 for c in text), GSM
    return len(text.encode("utf-16-le")) // 2, UCS


def cut(text: str, link: str) -> str:
    """text, with the link behind it where both fit into one SMS; cut where not even the text does."""
    for whole in (f"{text} {link}", text):
        taken, there = size(whole)
        if taken <= there:
            return whole
    dots = "..."
    while size(text + dots)[0] > size(text + dots)[1]:
        text = text[:-1].rstrip()
    return text + dots


def request(letter: Letter, options: Options, secret: Callable[[str], str], _: datetime) -> web.Request:
    given = {"{to}": letter.email, "{text}": letter.mime.decode(), "{id}": str(letter.id)}
    fields = {name: _filled(value, given, secret) for name, value in options.fields.items()}
    headers = {"User-Agent": "ioc", "Idempotency-Key": str(letter.id)}
    headers |= {name: _SECRET.sub(lambda found: secret(found[0]), value) for name, value in options.headers.items()}
    hidden = tuple(secret(name) for text in (*options.headers.values(), *options.fields.values())
                   for name in _SECRET.findall(text))  # fmt: skip
    url, body = options.url, b""
    if options.send_as == "json":
        body, headers["Content-Type"] = orjson.dumps(fields), "application/json"
    elif options.send_as == "form":
        body, headers["Content-Type"] = urlencode(fields).encode(), "application/x-www-form-urlencoded"
    else:
        url += ("&" if "?" in url else "?") + urlencode(fields, quote_via=quote)
    return web.Request(options.method, url, headers, body, hidden)


def _filled(template: str, given: dict[str, str], secret: Callable[[str], str]) -> str:
    """Secrets first: a text from a feed that reads env:NAME stays a text."""
    filled = _SECRET.sub(lambda found: secret(found[0]), template)
    return re.sub(r"\{(?:to|text|id)\}", lambda found: given[found[0]], filled)


def meaning(answer: web.Answer, options: Options) -> Result:
    result = web.meaning(answer)
    if result.fate is Fate.SENT and options.accepted and not re.search(options.accepted, answer.text):
        return Result(Fate.REJECTED, f"the gateway did not accept it: {answer.text}")
    return result
