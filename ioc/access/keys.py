"""Random secrets, what is kept of them, and keys for signing made of one secret. Pure but for the dice."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets

SECRET_BYTES = 32


def fresh(size: int = SECRET_BYTES) -> str:
    """A random secret, as it may stand in a cookie or an address: 32 bytes are 43 letters."""
    return written(secrets.token_bytes(size))


def kept(secret: str) -> bytes:
    """What a store keeps of a random secret: SHA-256. 256 random bits need no slow hash; nobody guesses them."""
    return hashlib.sha256(secret.encode()).digest()


def derived(secret: bytes, purpose: str) -> bytes:
    """A key of 32 bytes for one purpose only."""
    return hmac.new(secret, f"ioc {purpose}".encode(), hashlib.sha256).digest()


def signature(key: bytes, text: str) -> str:
    return written(hmac.new(key, text.encode(), hashlib.sha256).digest())


def signed(key: bytes, text: str) -> str:
    """`text.signature`."""
    return f"{text}.{signature(key, text)}"


def unsigned(key: bytes, token: str) -> str | None:
    """The text of a token we signed; None for any other. In the same time for all of one length."""
    text, _, shown = token.rpartition(".")
    return text if token.isascii() and hmac.compare_digest(shown, signature(key, text)) else None


def written(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
