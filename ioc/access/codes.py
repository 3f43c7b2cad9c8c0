"""One-time codes beside a password: RFC 6238 with any authenticator, recovery codes for the day the phone is lost."""

from __future__ import annotations

import hmac
import re
import secrets
from base64 import b32encode
from datetime import datetime  # noqa: TC003  a name in a signature that says the unit

import pyotp
import segno
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ioc.access import keys

STEP = 30  # seconds
_DRIFT = 1  # steps that a phone's clock may be off, either way
RECOVERY_CODES = 8
_NONCE = 12
_CODE = re.compile(r"[0-9]{6}")
_RECOVERY = re.compile(r"[a-z2-7]{16}")


def seed() -> str:
    """A new secret for an authenticator, base32."""
    return pyotp.random_base32()


def address(seed: str, name: str, centre: str) -> str:
    """otpauth://, what an authenticator reads. centre: what the entry is called there."""
    return pyotp.TOTP(seed).provisioning_uri(name=name, issuer_name=centre.replace(":", " "))


def picture(address: str) -> str:
    """The address as a QR code: SVG to stand in a page, dark on light whatever the page is."""
    return segno.make(address, error="m").svg_inline(omitsize=True, border=3, dark="#000", light="#fff")


def step(seed: str, code: str, now: datetime, last: int) -> int | None:
    """The interval whose code this is; None where it is wrong, or not later than `last`, the one used last."""
    plain = "".join(code.split())
    if not _CODE.fullmatch(plain):
        return None
    current, clock = int(now.timestamp()) // STEP, pyotp.TOTP(seed)
    good = [n for n in range(current - _DRIFT, current + _DRIFT + 1)
            if hmac.compare_digest(clock.generate_otp(n), plain)]  # fmt: skip
    return max((n for n in good if n > last), default=None)


def recovery_codes() -> list[str]:
    """Each good once instead of a code: 80 random bits, in groups that can be copied from paper."""
    return [
        "-".join(re.findall("....", b32encode(secrets.token_bytes(10)).decode().lower())) for _ in range(RECOVERY_CODES)
    ]


def recovery(typed: str) -> bytes | None:
    """What is kept of a recovery code, however it was typed; None where it cannot be one."""
    plain = re.sub(r"[\s-]", "", typed).lower()
    return keys.kept(plain) if _RECOVERY.fullmatch(plain) else None


def sealed(secret: bytes, person: int, seed: str) -> bytes:
    """The seed as the store keeps it: nothing without the secret, nothing on another account."""
    nonce = secrets.token_bytes(_NONCE)
    return nonce + _cipher(secret).encrypt(nonce, seed.encode(), str(person).encode())


def opened(secret: bytes, person: int, kept: bytes) -> str | None:
    """The seed again; None where it was sealed with another secret (IOC_SECRET was changed)."""
    try:
        return _cipher(secret).decrypt(kept[:_NONCE], kept[_NONCE:], str(person).encode()).decode()
    except (InvalidTag, ValueError):
        return None


def _cipher(secret: bytes) -> AESGCM:
    return AESGCM(keys.derived(secret, "codes"))
