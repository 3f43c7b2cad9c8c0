"""Single sign-on, the part without a network: a token and the provider's keys -> claims, claims -> who it is and which
role they get.

Signatures are joserfc's business; what a claim must say is told here, after OpenID Connect Core 3.1.3.7 and
Back-Channel Logout 2.6. Nothing of a token is ever part of an error's text: what a provider sends is not for the log.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import math
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

from ioc.access import grants
from ioc.errors import AccessError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ioc.access.grants import Client
    from ioc.access.rights import Bounds, Role

SKEW = 120.0  # seconds that the provider's clock and ours may differ
LARGEST = 65_536  # characters of a token
Why = Literal["token", "signature", "key", "issuer", "audience", "nonce", "hash", "subject", "time", "code", "client",
              "answer"]  # fmt: skip
# What signs, and the key it takes. Only asymmetric ones: a secret that we share, or nothing at all, signs nothing here.
_KINDS: dict[str, tuple[str, str]] = {
    "RS256": ("RSA", ""), "RS384": ("RSA", ""), "RS512": ("RSA", ""),
    "PS256": ("RSA", ""), "PS384": ("RSA", ""), "PS512": ("RSA", ""),
    "ES256": ("EC", "P-256"), "ES384": ("EC", "P-384"), "ES512": ("EC", "P-521"),
    "Ed25519": ("OKP", "Ed25519"),
}  # fmt: skip
_KEYS: dict[str, Any] = {"RSA": RSAKey, "EC": ECKey, "OKP": OKPKey}
_PUBLIC = {"kty", "n", "e", "crv", "x", "y"}
_LEAST_BITS = 2048  # of an RSA key
_LOGGED_OUT = "http://schemas.openid.net/event/backchannel-logout"
Claims = dict[str, Any]


class Refused(AccessError):  # noqa: N818  what happened
    """What the provider, or somebody in its name, sent does not hold. why: a short stable code."""

    def __init__(self, why: Why) -> None:
        self.why = why
        super().__init__(f"what the provider sent does not hold: {why}")


class ClockDiffers(AccessError):  # noqa: N818  a state of the world
    """The provider's clock and ours differ by more than SKEW. ahead: seconds that the provider's is ahead of ours."""

    def __init__(self, ahead: float) -> None:
        self.ahead = ahead
        super().__init__(f"the provider's clock is {abs(ahead):.0f} s {'ahead of' if ahead > 0 else 'behind'} ours")


class UnknownKey(AccessError):  # noqa: N818  likewise
    """A token is signed with a key that was not among the provider's when they were fetched."""


class Identity(NamedTuple):
    """All that is kept of somebody the provider vouches for."""

    issuer: str
    subject: str
    name: str
    address: str  # of mail, or ""
    role: Role
    bounds: Bounds | None  # None: IOC_OIDC_ROLES says nothing of them, so those of the account stay


class Signed(NamedTuple):
    """The claims of a token whose signature holds, and what it was signed with."""

    claims: Claims
    algorithm: str


class _Registry(JWSRegistry):
    max_header_length = 16_384  # some send their certificates along; they are not looked at
    max_payload_length = LARGEST


def signed(token: str, keys: Sequence[Claims]) -> Signed:
    """What a token says that one of the provider's keys (JWK dicts) signed. Raises Refused, UnknownKey.

    The key is always one of these: what a token says of its own key (jwk, jku, x5u, x5c) is not looked at.
    """
    header = _header(token)
    algorithm, named = header.get("alg"), header.get("kid")
    if not isinstance(algorithm, str) or algorithm not in _KINDS:
        raise Refused("signature")
    fitting = [key for key in keys if _fits(key, algorithm) and (named is None or named == key.get("kid"))]
    if not fitting:
        raise UnknownKey
    if len(fitting) > 1:  # which is meant is not ours to guess
        raise Refused("key")
    return Signed(_verified(token, fitting[0], algorithm), algorithm)


def id_claims(token: Signed, client: Client, nonce: str, now: float, access_token: str = "") -> Claims:
    """The claims of an ID token, which must be for us, for this log-in, and of now (seconds since 1970).

    Raises Refused, ClockDiffers.
    """
    claims = token.claims
    _for_us(claims, client)
    if not hmac.compare_digest(_text(claims.get("nonce")).encode(), nonce.encode()):
        raise Refused("nonce")
    if "events" in claims:  # a logout token is no log-in
        raise Refused("token")
    subject(claims)
    _of_now(claims, now)
    half = claims.get("at_hash")
    if half is not None and half != half_hash(access_token, token.algorithm):
        raise Refused("hash")
    return claims


def logout_subject(token: Signed, client: Client, now: float) -> str:
    """Whom a logout token means. Raises Refused, ClockDiffers."""
    claims = token.claims
    _for_us(claims, client)
    events = claims.get("events")
    if not isinstance(events, dict) or not isinstance(events.get(_LOGGED_OUT), dict) or "nonce" in claims:
        raise Refused("token")
    _of_now(claims, now)
    return subject(claims)


def subject(claims: Mapping[str, Any]) -> str:
    """Raises Refused where it is no text of 1 to 255 characters."""
    found = claims.get("sub")
    if not isinstance(found, str) or not 0 < len(found) <= 255 or not found.isprintable():
        raise Refused("subject")
    return found


def identity(client: Client, claims: Mapping[str, Any]) -> Identity:
    """Who it is, and as what they come in. Raises NoRole, Refused."""
    line = grants.grant(client.lines, claims)
    both = f"{_plain(claims.get('given_name'))} {_plain(claims.get('family_name'))}".strip()
    address = _address(claims)
    names = (_plain(claims.get("name")), both, _plain(claims.get("preferred_username")), address)
    name = next(filter(None, names), subject(claims)[:80])
    return Identity(client.issuer, subject(claims), name, address, line.role, line.bounds)


def incomplete(client: Client, claims: Mapping[str, Any]) -> bool:
    """Whether something an account is made of is not there: it may stand in what the provider says of the user."""
    wanted = {"name", "email"} | grants.claims(client.lines)
    return any(claim not in claims and claim.partition(".")[0] not in claims for claim in wanted)


def whose_clock(ahead: float, store_ahead: float | None) -> Literal["provider", "own", "unclear"]:
    """Which clock is wrong, by a third opinion. ahead, store_ahead: seconds that the provider's and the database's
    clock are ahead of ours; None where the database could not be asked.
    """
    if store_ahead is None:
        return "unclear"
    if abs(store_ahead - ahead) < abs(store_ahead):
        return "own"
    return "provider"


def half_hash(text: str, algorithm: str) -> str:
    """at_hash of an access token: the left half of the digest that belongs to the signature's algorithm."""
    size = "512" if algorithm == "Ed25519" else algorithm[-3:]
    digest = hashlib.new(f"sha{size}", text.encode()).digest()
    return base64.urlsafe_b64encode(digest[: len(digest) // 2]).rstrip(b"=").decode()


def _header(token: str) -> Claims:
    first = token.partition(".")[0]
    if len(token) > LARGEST or token.count(".") != 2 or not token.isascii():
        raise Refused("token")
    try:
        header = json.loads(base64.urlsafe_b64decode(first + "=" * (-len(first) % 4)))
    except (ValueError, RecursionError):
        raise Refused("token") from None
    if not isinstance(header, dict):
        raise Refused("token")
    return header


def _fits(key: Claims, algorithm: str) -> bool:
    kind, curve = _KINDS[algorithm]
    for_signing = key.get("use", "sig") == "sig" and key.get("alg", algorithm) == algorithm
    return for_signing and key.get("kty") == kind and (not curve or key.get("crv") == curve)


def _verified(token: str, jwk: Claims, algorithm: str) -> Claims:
    registry = _Registry(algorithms=[algorithm], strict_check_header=False)
    try:
        if jwk["kty"] == "RSA" and _bits(jwk["n"]) < _LEAST_BITS:
            raise Refused("key")
        key = _KEYS[jwk["kty"]].import_key({name: value for name, value in jwk.items() if name in _PUBLIC})
        return dict(jwt.decode(token, key, registry=registry).claims)
    except (JoseError, ValueError, TypeError, KeyError, RecursionError):
        raise Refused("signature") from None


def _bits(modulus: str) -> int:
    return int.from_bytes(base64.urlsafe_b64decode(modulus + "=" * (-len(modulus) % 4))).bit_length()


def _for_us(claims: Claims, client: Client) -> None:
    if claims.get("iss") != client.issuer:
        raise Refused("issuer")
    audience = claims.get("aud")
    several = audience if isinstance(audience, list) else [audience]
    party = claims.get("azp", client.id if len(several) == 1 else None)
    if client.id not in several or party != client.id:
        raise Refused("audience")


def _of_now(claims: Claims, now: float) -> None:
    """A token we fetched ourselves was made this moment: what it says of its making shows the provider's clock."""
    made = _seconds(claims.get("iat"))
    if abs(made - now) > SKEW:
        raise ClockDiffers(made - now)
    ends, begins = claims.get("exp"), claims.get("nbf")
    if ends is None and "events" not in claims:
        raise Refused("time")
    if (ends is not None and _seconds(ends) <= now - SKEW) or (begins is not None and _seconds(begins) > now + SKEW):
        raise Refused("time")


def _seconds(value: object) -> float:
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or not math.isfinite(value)
        or not 0 < value < 1e11
    ):
        raise Refused("time")
    return float(value)


def _address(claims: Mapping[str, Any]) -> str:
    """The mail address, unless the provider says that it never saw the person read there."""
    address = _plain(claims.get("email"), 255)
    verified = claims.get("email_verified", True) in (True, "true")
    return address if verified and address.count("@") == 1 and " " not in address and len(address) <= 254 else ""


def _plain(value: object, most: int = 80) -> str:
    """A claim as one line of at most `most` characters."""
    kept = "".join(c if c.isprintable() else " " for c in _text(value)[:1000])
    return " ".join(kept.split())[:most]


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
