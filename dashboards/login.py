"""The way in and out: name and password, a code, a one-time link -> a session's cookie. Plain forms, no scripts.

A one-time link is only looked at by GET: programs that preview links do not burn it. Nothing here is cached, and where
it leads afterwards is a path of this server.
"""

from __future__ import annotations

import logging
import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from dashboards import viewer, wall
from dashboards.context import current
from dashboards.doors import SESSION
from dashboards.entrance import Came, by_link, entrance
from ioc.access.holder import Who
from ioc.config.types import say
from ioc.errors import AccessError, StoreError
from ioc.language import LANGUAGES, age, words
from ioc.store import audit, entering, people, sessions

if TYPE_CHECKING:
    from dashboards.entrance import Answer, Entered
    from ioc.store.database import Connection
    from ioc.store.people import Person

log = logging.getLogger(__name__)
router = APIRouter(include_in_schema=False)
HALF, MACHINE = "ioc_half", "ioc_machine"
_HALF_SECONDS, _MACHINE_SECONDS = 300, 180 * 86400
_LARGEST_FORM = 8192  # bytes
_STATUS = {"wrong": 401, "wait": 429, "busy": 503, "away": 503, "large": 413, "old": 410}
_OUT = ("/login", "/logout", "/first/", "/oidc/", "/language/", "/pair")  # nobody wants to be led here afterwards


class FormError(AccessError):
    """A form that is none of ours: too large."""


@router.get("/login")
async def page(request: Request) -> Response:
    if viewer.CURRENT.get().person is not None or current().settings.auth == "open":
        return RedirectResponse(path_of(request.query_params.get("next", "/")), 303)
    return _login(path_of(request.query_params.get("next", "/")))


@router.post("/login")
async def login(request: Request) -> Response:
    """A right password leads on, or to the code; a wrong one is told after as long a time as any."""
    try:
        form = await form_of(request)
        to, came = path_of(form.get("next", "/")), came_from(request)
        answer = await entrance().password(form.get("name", ""), form.get("password", ""), came)
        if answer.outcome != "right" or answer.person is None:
            return _login(to, answer.outcome, answer.wait, form.get("name", ""))
        if answer.person.totp is not None:
            return await _half(request, answer.person, to)
        return entered(request, await entrance().finish(answer.person, "password", came), to)
    except FormError:
        return _login("/", "large")
    except StoreError as error:
        log.warning("nobody can log in: %s", error)
        return _login("/", "away")


@router.get("/login/code")
async def code_page(request: Request) -> Response:
    return _code(path_of(request.query_params.get("next", "/")))


@router.post("/login/code")
async def code(request: Request) -> Response:
    """The second step. The first is remembered by a cookie for five minutes."""
    try:
        form = await form_of(request)
        to, came = path_of(form.get("next", "/")), came_from(request)
        half = request.cookies.get(HALF, "")[:400]
        person = await current().read(entering.halfway, current().settings.secret, half, now())
        if person is None or person.totp is None:
            return _login(to, "late")
        answer, how = await entrance().code(person, form.get("code", ""), came)
        if answer.outcome != "right":
            return _code(to, "code_wrong" if answer.outcome == "wrong" else answer.outcome, answer.wait)
        done = entered(request, await entrance().finish(person, how, came), to)
        done.delete_cookie(HALF, path="/login")
    except FormError:
        return _login("/", "large")
    except AccessError:
        return _login("/", "wrong")
    except StoreError:
        return _login("/", "away")
    return done


@router.get("/first/{token}")
async def link(token: str) -> Response:
    """What the link would do, and a button that does it."""
    try:
        person = await current().read(people.link_leads_to, token, now())
    except StoreError:
        return _login("/", "away")
    return _page("first.html", 200, person=person.name, role=f"role.{person.role}") if person else _login("/", "old")


@router.post("/first/{token}")
async def use_link(token: str, request: Request) -> Response:
    """Once. An account that has no other way in is asked for one next."""
    try:
        found = await by_link(token, came_from(request))
    except StoreError:
        return _login("/", "away")
    if found is None:
        return _login("/", "old")
    person, opened = found
    return entered(request, opened, "/" if person.password or person.issuer else "/account/first")


@router.post("/logout")
async def logout(request: Request) -> Response:
    """Out, here; the page that follows says where else one may be logged in."""
    who = viewer.CURRENT.get()
    try:
        await current().read(_out, request.cookies.get(SESSION, "")[:400], Who(who.name, who.role, who.address))
        current().doors.forget()
    except StoreError as error:
        log.warning("a session could not be ended: %s", error)
        return _login("/", "away")
    answer = RedirectResponse("/oidc/out" if current().settings.oidc_issuer else "/login", 303)
    answer.delete_cookie(SESSION, path="/", httponly=True, samesite="lax", secure=https(request))
    return answer


def _out(conn: Connection, cookie: str, who: Who) -> None:
    sessions.close(conn, cookie)
    if who.name:
        audit.note(conn, who, "logout", who.name)


def enter(request: Request, cookie_value: str, to: str) -> Response:
    """Set a session's cookie and lead on; for whoever opened one with sessions.open_."""
    answer = RedirectResponse(path_of(to), 303)
    longest = int(sessions.LONGEST.total_seconds())
    answer.set_cookie(
        SESSION, cookie_value, max_age=longest, path="/", httponly=True, samesite="lax", secure=https(request)
    )
    answer.headers["Cache-Control"] = "no-store"
    return answer


def entered(request: Request, opened: Entered, to: str) -> Response:
    """As `enter`, and the machine remembers that this account logged in on it."""
    answer = enter(request, opened.cookie, to)
    answer.set_cookie(
        MACHINE,
        opened.mark,
        max_age=_MACHINE_SECONDS,
        path="/",
        httponly=True,
        samesite="strict",
        secure=https(request),
    )
    return answer


async def _half(request: Request, person: Person, to: str) -> Response:
    half = await current().read(entering.half, current().settings.secret, person, now())
    answer = _code(to)
    answer.set_cookie(
        HALF, half, max_age=_HALF_SECONDS, path="/login", httponly=True, samesite="strict", secure=https(request)
    )
    return answer


def path_of(path: str) -> str:
    """A path of this server to lead on to; never another server's address, nor a page of the way in."""
    return "/" if path.startswith(_OUT) else wall.own_path(path)


def came_from(request: Request) -> Came:
    address, cookies = request.client.host if request.client else "", request.cookies
    return Came(address, cookies.get(MACHINE, "")[:400], cookies.get(SESSION, "")[:400])


def https(request: Request) -> bool:
    return request.url.scheme == "https"


def now() -> datetime:
    return datetime.now(UTC)


async def form_of(request: Request) -> dict[str, str]:
    """The fields of a form, each once. Raises FormError beyond a few kilobytes; the rest is not read."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > _LARGEST_FORM:
            raise FormError
    try:
        fields = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=20)
    except ValueError as error:
        raise FormError from error
    return {name: values[0] for name, values in fields.items()}


def fault(outcome: str, wait: float = 0.0) -> str:
    """What is said of an attempt that failed, in the reader's language."""
    said, language = words("dashboards", viewer.language()), viewer.language()
    return said[f"login.{outcome}"].format(wait=age(math.ceil(wait), language)) if outcome else ""


def of_answer(answer: Answer) -> tuple[str, int]:
    """What is said of an attempt, and the answer's status."""
    return fault(answer.outcome, answer.wait), _STATUS[answer.outcome]


def _login(to: str, outcome: str = "", wait: float = 0.0, name: str = "") -> Response:
    settings = current().settings
    provider = settings.oidc_name or words("dashboards", viewer.language())["login.provider"]
    return _page("login.html", _STATUS.get(outcome, 200), wait, to=to, fault=fault(outcome, wait), name=name[:254],
                 provider=provider if settings.oidc_issuer else "")  # fmt: skip


def _code(to: str, outcome: str = "", wait: float = 0.0) -> Response:
    status = 401 if outcome == "code_wrong" else _STATUS.get(outcome, 200)
    return _page("code.html", status, wait, to=to, fault=fault(outcome, wait))


def _page(template: str, status: int, wait: float = 0.0, **values: Any) -> Response:
    answer = shown(template, status, **values)
    if status in {429, 503}:
        answer.headers["Retry-After"] = str(max(1, math.ceil(wait)))
    return answer


def shown(template: str, status: int = 200, **values: Any) -> Response:
    """A page of these templates, in the reader's language."""
    language, city = viewer.language(), current().folder.city
    styles = [f"/assets/{name}?b={wall.files_build()}" for name in ("05-fonts.css", "10-base.css", "67-account.css")]
    html = wall.TEMPLATES.get_template(template).render(
        language=language, languages=LANGUAGES, words=words("dashboards", language), styles=styles,
        city=say(city.title or city.name, language), **values,
    )  # fmt: skip
    return HTMLResponse(html, status, headers={"Cache-Control": "no-store"})
