"""Single sign-on: a browser goes to the city's own log-in and comes back -> a session; out again, here first.

Nothing the provider sends is kept but name, address and role. The ID token stays with the browser, in a cookie that
goes to these paths only, and is shown to nobody but the provider, to log out there.
"""

from __future__ import annotations

import logging
import time
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, quote, urlsplit

from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse, RedirectResponse

from dashboards import begun as ties
from dashboards import login, oidc_rig, oidc_said, viewer
from dashboards.context import current
from dashboards.doors import SESSION
from dashboards.oidc_rig import HOW, PATH, Rig, Turned, rig
from dashboards.provider import Away
from ioc.access import oidc
from ioc.access.holder import Who
from ioc.errors import AccessError, StoreError
from ioc.language import words
from ioc.store import audit, people, sessions

if TYPE_CHECKING:
    from dashboards.begun import Begun
    from dashboards.provider import Provider, Vouched
    from ioc.access.oidc import Identity
    from ioc.store.database import Connection

log = logging.getLogger(__name__)
router = APIRouter(include_in_schema=False)
OUT = "/oidc/out"
_HINT = "ioc_hint"
_TOO_LONG = 3_600  # characters of an ID token that a cookie holds
_MOST_BEGUN = 5  # log-ins begun at once in one browser
_LARGEST = 100_000  # bytes of a logout token's form
_CODES = {"access_denied", "login_required", "interaction_required", "consent_required", "server_error"}


@router.get("/oidc/login")
async def begin(request: Request, next: str = "/", here: str = "") -> Response:  # noqa: A002  as on the log-in page
    """To the provider; first to the name it knows us by, since cookies of one name are not sent to another."""
    base, to = oidc_rig.base(request), login.path_of(next)
    if urlsplit(base).netloc != request.headers.get("host") and not here:
        return RedirectResponse(f"{base}/oidc/login?here=1&next={quote(to)}", 303)
    try:
        all_, begun = await rig(request), ties.begin(to, time.time())
        where = await all_.provider.login_address(f"{base}/oidc/back", begun, viewer.language())
    except (AccessError, StoreError) as error:
        return await oidc_said.refused(request, error, to)
    answer = RedirectResponse(where, 303, headers={"Cache-Control": "no-store"})
    old = [name for name in request.cookies if name.startswith(ties.COOKIE)]
    for name in old if len(old) >= _MOST_BEGUN else []:
        answer.delete_cookie(name, path=PATH)
    oidc_rig.keep(answer, request, begun.cookie, ties.written(begun, all_.signing), ties.HOLDS, "lax")
    return answer


@router.get("/oidc/back")
async def back(request: Request) -> Response:
    """From the provider, with a code for a session, or with why not."""
    begun: Begun | None = None
    try:
        all_ = await rig(request)
        begun = _tied(request, all_)
        vouched = await _vouched(request, all_.provider, begun)
        answer = await _enter(request, oidc.identity(all_.provider.client, vouched.claims), begun.to)
        oidc_rig.keep(answer, request, _HINT, vouched.hint if len(vouched.hint) <= _TOO_LONG else "-", None, "strict")
    except (AccessError, StoreError) as error:
        answer = await oidc_said.refused(request, error, begun.to if begun else "/")
    if begun is not None:
        answer.delete_cookie(begun.cookie, path=PATH)
    return answer


@router.get(OUT)
async def out(request: Request) -> Response:
    """After /logout, which ended the session here: to the provider, to log out there. A page in between, since what a
    form led to may not go to another site (form-action). Nobody is brought here by another site: without the cookie,
    which such a way does not carry, this is the log-in page.
    """
    hint = request.cookies.get(_HINT, "")
    if not hint:
        return RedirectResponse("/login", 303)
    where = ""
    with suppress(AccessError, StoreError):
        provider = (await rig(request)).provider
        where = await provider.logout_address(f"{oidc_rig.base(request)}/login", "" if hint == "-" else hint)
    said = words("dashboards", viewer.language())
    line = said["oidc.out_there" if where else "oidc.out_stays"].format(name=oidc_rig.name())
    answer = oidc_said.page(said["oidc.out"], [line], 200, onward=where, out=True)
    answer.delete_cookie(_HINT, path=PATH)
    return answer


@router.post("/oidc/backchannel")
async def logged_out(request: Request) -> Response:
    """The provider itself says, signed, that somebody logged out there: every session of theirs ends here."""
    headers = {"Cache-Control": "no-store"}
    try:
        provider = (await rig(request)).provider
        token = parse_qs((await _body(request)).decode("ascii", "replace")).get("logout_token", [""])[0]
        subject = await provider.logged_out(token, time.time())
        if await current().read(_end_all, provider.client.issuer, subject, oidc_rig.address(request)):
            current().doors.forget()
    except (Away, StoreError):
        return PlainTextResponse("try again\n", 503, headers=headers | {"Retry-After": "5"})
    except AccessError as error:
        log.warning("single sign-on: a logout token is refused: %s", error)
        return PlainTextResponse("refused\n", error.status if isinstance(error, Turned) else 400, headers=headers)
    return Response(status_code=200, headers=headers)


@router.get(PATH + "{rest:path}")
async def nothing() -> Response:
    """These paths are open to everybody, so nothing else may answer below them."""
    return PlainTextResponse("there is no such page\n", 404)


def _tied(request: Request, all_: Rig) -> Begun:
    """What this browser began, used up by this. Raises Turned."""
    state = request.query_params.get("state", "")
    begun = ties.read(request.cookies, state, all_.signing, time.time())
    if begun is None or not all_.used.take(begun):
        raise Turned("strange")
    return begun


async def _vouched(request: Request, provider: Provider, begun: Begun) -> Vouched:
    """Raises Turned, Away, Refused, ClockDiffers."""
    asked = request.query_params
    named = asked.get("iss")
    if named != provider.client.issuer and (named is not None or await provider.names_itself()):
        raise oidc.Refused("issuer")  # another provider's answer, meant to be mixed up with ours
    if "error" in asked:
        raise Turned("denied", why=asked["error"] if asked["error"] in _CODES else "another reason")
    if not 0 < len(asked.get("code", "")) <= 4096:
        raise oidc.Refused("code")
    return await provider.vouch(asked["code"], f"{oidc_rig.base(request)}/oidc/back", begun, time.time)


async def _enter(request: Request, identity: Identity, to: str) -> Response:
    old, secret = request.cookies.get(SESSION, ""), current().settings.secret
    cookie = await current().read(_open, identity, secret, old, oidc_rig.address(request))
    return login.enter(request, cookie, to)


def _open(conn: Connection, identity: Identity, secret: str, old: str, address: str) -> str:
    """One transaction: the account as the provider has it now, and a session for it. Raises AccessError."""
    person = people.from_provider(conn, *identity)
    if not person.active:
        raise Turned("disabled")
    sessions.close(conn, old)
    return sessions.open_(conn, person.id, secret, address, HOW, datetime.now(UTC))


def _end_all(conn: Connection, issuer: str, subject: str, address: str) -> int:
    """How many sessions ended."""
    person = people.by_subject(conn, issuer, subject)
    ended = sessions.close_all(conn, person.id) if person else 0
    if person and ended:
        audit.note(conn, Who(person.name, person.role, address), "logout", person.name, after={"how": HOW})
    return ended


async def _body(request: Request) -> bytes:
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > _LARGEST:
            raise oidc.Refused("token")
    return body
