"""Signs what stands in links of our own mails, so that a link can act without a login and cannot be made by others.

A link says for what it is, until when it holds and what it is about; the signature (HMAC-SHA-256 by itsdangerous over
IOC_SECRET) covers all three. Whoever has the link may do what it says, and nothing else.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, NamedTuple

from itsdangerous import BadData, URLSafeSerializer

from ioc.errors import IocError

if TYPE_CHECKING:
    from datetime import datetime

LONGEST = 2000  # characters: nothing of ours is longer, and nobody makes us unpack more


class LinkError(IocError):
    """Not one of our links, or made with another secret."""


class LinkExpiredError(LinkError):
    """Ours, and too old."""


class Acknowledge(NamedTuple):
    """Who may acknowledge what: (alarm, episode) pairs; an alarm that came back since is another episode."""

    contact: int
    alarms: tuple[tuple[int, int], ...]


class Unsubscribe(NamedTuple):
    """Who no longer wants which kind of mail: brief, digest or report."""

    contact: int
    kind: str


class Links:
    """Makes and opens the links of one installation. Without a secret there are none, and none is accepted."""

    def __init__(self, secret: str) -> None:
        self._secret = secret

    def __bool__(self) -> bool:
        return bool(self._secret)

    def acknowledge(self, contact: int, alarms: list[tuple[int, int]], until: datetime) -> str:
        """The token of a link that acknowledges these episodes as this contact."""
        return self._sign("acknowledge", until, [contact, [list(pair) for pair in alarms]])

    def unsubscribe(self, contact: int, kind: str, until: datetime) -> str:
        return self._sign("unsubscribe", until, [contact, kind])

    def acknowledged(self, token: str, now: datetime) -> Acknowledge:
        """Raises LinkError, LinkExpiredError."""
        contact, alarms = self._open("acknowledge", token, now)
        return Acknowledge(int(contact), tuple((int(alarm), int(episode)) for alarm, episode in alarms))

    def unsubscribed(self, token: str, now: datetime) -> Unsubscribe:
        """Raises LinkError, LinkExpiredError."""
        contact, kind = self._open("unsubscribe", token, now)
        return Unsubscribe(int(contact), str(kind))

    def _serializer(self, purpose: str) -> URLSafeSerializer:
        options = {"key_derivation": "hmac", "digest_method": hashlib.sha256}
        return URLSafeSerializer(self._secret, salt=f"ioc.{purpose}", signer_kwargs=options)

    def _sign(self, purpose: str, until: datetime, about: list[Any]) -> str:
        if not self._secret:
            raise LinkError("IOC_SECRET is not set: no link can be signed")
        signed = self._serializer(purpose).dumps([int(until.timestamp()), about])
        return signed if isinstance(signed, str) else signed.decode()

    def _open(self, purpose: str, token: str, now: datetime) -> list[Any]:
        if not self._secret or len(token) > LONGEST:
            raise LinkError("not one of our links")
        try:
            until, about = self._serializer(purpose).loads(token)
        except BadData as error:
            raise LinkError("not one of our links") from error
        if now.timestamp() >= until:
            raise LinkExpiredError("this link is too old")
        found: list[Any] = about
        return found
