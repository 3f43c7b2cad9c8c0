"""Signed tokens: a login that ends, a display key that does not. A changed secret or password ends them all."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time

SESSION_HOURS = 12


class Keys:
    """secret: IOC_SECRET; without one a random secret is made, and a restart asks for the password again."""

    def __init__(self, secret: str, password: str) -> None:
        self._password = password
        self._secret = (secret or secrets.token_hex(32)).encode() + b"\0" + password.encode()
        self.lasting = bool(secret)

    @property
    def locked(self) -> bool:
        """Whether a password is asked for at all."""
        return bool(self._password)

    def right(self, password: str) -> bool:
        return hmac.compare_digest(password.encode(), self._password.encode())

    def session(self, now: float | None = None) -> str:
        """A new session's token."""
        until = int((time.time() if now is None else now) + SESSION_HOURS * 3600)
        body = f"{until}.{secrets.token_hex(8)}"
        return f"{body}.{self._sign('session', body)}"

    def session_holds(self, token: str, now: float | None = None) -> bool:
        body, _, signature = token.rpartition(".")
        until = body.partition(".")[0]
        if not until.isdigit() or not hmac.compare_digest(signature, self._sign("session", body)):
            return False
        return int(until) > (time.time() if now is None else now)

    @property
    def display(self) -> str:
        """The key of every wall: read-only, never runs out."""
        return self._sign("display", "wall")

    def display_holds(self, key: str) -> bool:
        return hmac.compare_digest(key.encode(), self.display.encode())

    def _sign(self, what: str, body: str) -> str:
        return hmac.new(self._secret, f"{what}:{body}".encode(), hashlib.sha256).hexdigest()[:40]
