"""A log-in that was begun elsewhere: what ties the way there to the way back, in a signed cookie of one browser, once.

One cookie a log-in, called after its state, so that two tabs do not take each other's away.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections import OrderedDict
from typing import NamedTuple

import orjson

from ioc.access import keys

HOLDS = 600  # seconds a person has to log in
COOKIE = "ioc_oidc_"
_LONGEST_PATH = 1000  # bytes of where to go on; a cookie has 4096 bytes
_MOST_USED = 20_000


class Begun(NamedTuple):
    """state, nonce, verifier: random; to: our own path to go on to; until: seconds since 1970."""

    state: str
    nonce: str
    verifier: str
    to: str
    until: int

    @property
    def challenge(self) -> str:
        """What the provider is shown of the verifier (PKCE, S256)."""
        return keys.written(hashlib.sha256(self.verifier.encode()).digest())

    @property
    def cookie(self) -> str:
        """The cookie's name."""
        return COOKIE + self.state[:12]


def begin(to: str, now: float) -> Begun:
    return Begun(
        keys.fresh(), keys.fresh(), keys.fresh(), to if len(to.encode()) <= _LONGEST_PATH else "/", int(now) + HOLDS
    )


def written(begun: Begun, key: bytes) -> str:
    """The cookie's value."""
    return keys.signed(key, keys.written(orjson.dumps(list(begun))))


def read(cookies: dict[str, str], state: str, key: bytes, now: float) -> Begun | None:
    """What was begun under this state in this browser; None where nothing was, another's signature, or too long ago."""
    text = keys.unsigned(key, cookies.get(COOKIE + state[:12], "")) if state.isascii() else None
    if text is None:
        return None
    try:
        begun = Begun(*orjson.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))))
    except (ValueError, TypeError, binascii.Error):
        return None
    return begun if hmac.compare_digest(begun.state, state) and now < begun.until else None


class Used:
    """States that came back already; each is good once. What is too old to be good anyway is forgotten."""

    def __init__(self) -> None:
        self._until: OrderedDict[str, int] = OrderedDict()

    def take(self, begun: Begun) -> bool:
        """False where it was taken before."""
        if begun.state in self._until:
            return False
        self._until[begun.state] = begun.until
        if len(self._until) > _MOST_USED:
            self._until.popitem(last=False)
        return True
