"""What the routes of single sign-on share: the provider, the key of their cookies, which log-ins came back already."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, NamedTuple

from dashboards import begun as ties
from dashboards import viewer
from dashboards.context import current
from dashboards.limit import Limit
from dashboards.provider import Provider
from ioc.access import grants, keys
from ioc.errors import AccessError
from ioc.store import kept

if TYPE_CHECKING:
    from fastapi import Request, Response

HOW = "oidc"  # how such a session came about: it ends after twelve hours, and the provider is asked again
PATH = "/oidc/"
_PROVIDER, _RIG = "oidc provider", "oidc rig"  # in the context's caches
_OFTEN = 240  # requests of one address at once, and a minute: a whole office may stand behind one


class Rig(NamedTuple):
    """What single sign-on keeps while the process lives."""

    provider: Provider
    signing: bytes  # key of the cookies
    used: ties.Used
    often: Limit


class Turned(AccessError):  # noqa: N818  what happened
    """Back without a log-in. what: which sentence says so; status: of the answer."""

    def __init__(self, what: str, status: int = 403, **more: str) -> None:
        self.what, self.status, self.more = what, status, more
        super().__init__(what)


def provider() -> Provider | None:
    """The provider that is set, if any. Raises SettingsError, StartError, so ask before anybody is served."""
    caches = current().caches
    if _PROVIDER not in caches:
        client = grants.client(current().settings)
        caches[_PROVIDER] = None if client is None else Provider(client)
    found: Provider | None = caches[_PROVIDER]
    return found


async def rig(request: Request) -> Rig:
    """Raises Turned where no provider is set or this address asks too often, StoreError where the key is away."""
    caches, found = current().caches, provider()
    if found is None:
        raise Turned("unset", 404)
    if _RIG not in caches:
        secret = await current().read(kept.secret, current().settings.secret)
        caches[_RIG] = Rig(found, keys.derived(secret, "single sign-on"), ties.Used(), Limit(_OFTEN, _OFTEN))
    all_: Rig = caches[_RIG]
    if not all_.often.allows(address(request), time.monotonic()):
        raise Turned("often", 429)
    return all_


def base(request: Request) -> str:
    """What our addresses begin with, as the provider knows them: IOC_BASE_URL, or as this browser called us."""
    return current().settings.base_url.rstrip("/") or f"{request.url.scheme}://{request.headers.get('host', '')}"


def address(request: Request) -> str:
    """Where a request comes from."""
    return viewer.CURRENT.get().address or (request.client.host if request.client else "")


def name() -> str:
    """What the provider is called."""
    found = provider()
    return found.client.name if found else ""


def keep(answer: Response, request: Request, cookie: str, value: str, seconds: int | None, site: Any) -> None:
    """Give the browser a cookie for these paths only."""
    secure = request.url.scheme == "https"
    answer.set_cookie(cookie, value, max_age=seconds, path=PATH, httponly=True, samesite=site, secure=secure)
