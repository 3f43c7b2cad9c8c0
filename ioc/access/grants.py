"""The settings of single sign-on: IOC_OIDC_* -> a client, and what a person's claims -> the role they get.

    groups:ioc-admins=administrator, groups:duty-tran-de=operator@area:tran-de, hd:city.example=viewer, *=viewer

The first that fits counts. Left of `=` a claim (`realm_access.roles` goes into objects) and its value, or `*`,
everybody the provider vouches for; right of it the role, after `@` its bounds, joined by `+`. A comma in a value is
written %2C.
"""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote, urlsplit

from ioc.access.rights import PEOPLE, Bounds, Role
from ioc.errors import AccessError
from ioc.settings import SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ioc.settings import Settings

_CLAIM = re.compile(r":(?!//)")  # between claim and value: a claim may be called by a URL
_EXAMPLE = "groups:ioc-admins=administrator, groups:duty=operator, *=viewer"


class NoRole(AccessError):  # noqa: N818  a state of the world
    """The provider knows this person, and no line of IOC_OIDC_ROLES fits them. subject: what it calls them."""

    def __init__(self, subject: str = "") -> None:
        self.subject = subject
        super().__init__("no line of IOC_OIDC_ROLES fits this person")


class Line(NamedTuple):
    """One line of IOC_OIDC_ROLES. claim: "" is everybody. bounds: None where the line says nothing of them."""

    claim: str
    value: str
    role: Role
    bounds: Bounds | None = None


class Client(NamedTuple):
    """What the centre is to the provider. secret: "" is a public client, which PKCE alone protects."""

    issuer: str
    id: str
    lines: tuple[Line, ...]
    secret: str = ""
    name: str = ""
    ca: str = ""

    def __repr__(self) -> str:
        return f"Client({self.issuer}, {self.id})"


def client(settings: Settings) -> Client | None:
    """None where no provider is set. Raises SettingsError with every fault and its remedy."""
    given = {"IOC_OIDC_CLIENT": settings.oidc_client, "IOC_OIDC_ROLES": settings.oidc_roles}
    if not settings.oidc_issuer:
        alone = [name for name, value in given.items() if value]
        if alone:
            raise SettingsError(f"{alone[0]} is set, but not IOC_OIDC_ISSUER, the address of the provider")
        return None
    faults = [f"{name} is not set: single sign-on needs it" for name, value in given.items() if not value]
    faults += _unsafe(settings.oidc_issuer)
    lines, wrong = _lines(settings.oidc_roles)
    if faults or wrong:
        raise SettingsError("\n".join([*faults, *wrong]))
    name = settings.oidc_name or urlsplit(settings.oidc_issuer).hostname or ""
    return Client(settings.oidc_issuer, settings.oidc_client, lines, settings.oidc_secret, name, settings.oidc_ca)


def local(address: str) -> bool:
    """Whether an address is of this machine, where nobody listens in between."""
    host = urlsplit(address).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def grant(lines: tuple[Line, ...], claims: Mapping[str, Any]) -> Line:
    """The first line that fits. Raises NoRole."""
    for line in lines:
        if not line.claim or line.value in _said(claims, line.claim):
            return line
    raise NoRole(str(claims.get("sub", ""))[:255])


def claims(lines: tuple[Line, ...]) -> set[str]:
    """The claims that the roles depend on."""
    return {line.claim for line in lines if line.claim}


def _unsafe(issuer: str) -> list[str]:
    parts = urlsplit(issuer)
    faults = []
    if parts.scheme != "https" and not local(issuer):
        faults.append(
            "IOC_OIDC_ISSUER must be an https:// address: without TLS anybody between could log in as anybody"
        )
    if parts.query or parts.fragment or parts.username:
        faults.append("IOC_OIDC_ISSUER is the provider's bare address: leave away what follows ? or #, and any user")
    return faults


def _lines(text: str) -> tuple[tuple[Line, ...], list[str]]:
    """Every line, and what is wrong with those that are none."""
    lines: list[Line] = []
    faults: list[str] = []
    for part in filter(None, (p.strip() for p in text.split(","))):
        if lines and not lines[-1].claim:
            faults.append(f"IOC_OIDC_ROLES: {part!r} is never reached: the first that fits counts, so put * last")
        try:
            lines.append(_line(part))
        except ValueError as error:
            faults.append(f"IOC_OIDC_ROLES: {part!r} {error}; write {_EXAMPLE}")
    return tuple(lines), faults


def _line(text: str) -> Line:
    who, equals, what = text.rpartition("=")
    role, at, bounds = what.strip().partition("@")
    if not equals or role not in PEOPLE:
        raise ValueError(f"names no role: after = comes one of {', '.join(PEOPLE)}")
    if who.strip() == "*":
        claim, value = "", ""
    else:
        claim, value = _CLAIM.split(who.strip(), 1) if _CLAIM.search(who) else ("", "")
        if not claim or not value:
            raise ValueError("names no claim and value before =")
    return Line(claim, unquote(value), Role(role), _bounds(bounds) if at else None)


def _bounds(text: str) -> Bounds:
    """`area:a+area:b+feed:c`."""
    found: dict[str, set[str]] = {"area": set(), "feed": set()}
    for part in text.split("+"):
        kind, _, key = part.partition(":")
        if kind not in found or not key:
            raise ValueError("has bounds other than area:KEY and feed:KEY, joined by +")
        found[kind].add(unquote(key))
    return Bounds(frozenset(found["area"]), frozenset(found["feed"]))


def _said(claims: Mapping[str, Any], claim: str) -> set[str]:
    """What a claim says, as texts; nothing where it is not there. An address counts only where the provider says that
    it is the person's own: anybody may type another's into a profile.
    """
    if claim == "email" and claims.get("email_verified") not in (True, "true"):
        return set()
    value: Any = claims.get(claim)
    if value is None:
        value = claims
        for step in claim.split("."):
            value = value.get(step) if isinstance(value, dict) else None
    several = value if isinstance(value, list) else [value]
    return {_text(one) for one in several if isinstance(one, str | bool | int)}


def _text(value: str | bool | int) -> str:  # a bool says true, not 1
    return str(value).lower() if isinstance(value, bool) else str(value)
