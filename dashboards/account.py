"""One's own account: password, one-time codes, where one is logged in. Plain forms; the password is asked again for
what would open the account to somebody else.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from dashboards import viewer
from dashboards.context import current
from dashboards.entrance import entrance
from dashboards.login import FormError, came_from, fault, form_of, now, of_answer, shown
from ioc.access import codes, keys, names, passwords
from ioc.access.passwords import WeakPasswordError
from ioc.access.rights import Role
from ioc.config.types import say
from ioc.errors import AccessError, StoreError
from ioc.language import local_time, words
from ioc.store import entering, kept, people, sessions

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from ioc.store.database import Connection
    from ioc.store.people import Person
    from ioc.store.sessions import Session

    Handler = Callable[[Request, Person, dict[str, str]], Awaitable[Response]]

log = logging.getLogger(__name__)
router = APIRouter(include_in_schema=False)
_OFFER_SECONDS = 900  # a key that is shown and not confirmed
_FORMS: dict[str, Handler] = {}


def _form(path: str) -> Callable[[Handler], Handler]:
    """A form of the account's page: what can go wrong with any of them is told on that page."""

    def register(handler: Handler) -> Handler:
        _FORMS[path] = handler
        return handler

    return register


@router.get("/account")
async def page() -> Response:
    try:
        person = await _me()
        return await _account(person) if person else shown("account.html", person=None)
    except StoreError:
        return shown("login.html", 503, fault=fault("away"), to="/account", name="", provider="")


@router.post("/account/{path:path}")
async def submit(path: str, request: Request) -> Response:
    """One of the forms. What is refused changes nothing."""
    handler, person = _FORMS.get(path), None
    if handler is None:
        return Response("there is no such form\n", 404, media_type="text/plain")
    try:
        form, person = await form_of(request), await _me()
        if person is None:
            return RedirectResponse("/account", 303)
        return await handler(request, person, form)
    except FormError:
        return Response(fault("large"), 413, media_type="text/plain")
    except StoreError:
        return Response(fault("away"), 503, media_type="text/plain", headers={"Retry-After": "2"})


@router.get("/account/first")
async def first() -> Response:
    """After a one-time link: a password for the next time, or later."""
    person = await _me()
    return RedirectResponse("/", 303) if person is None or person.issuer or person.password else _choose(person, "")


@_form("first")
async def _first(_: Request, person: Person, form: dict[str, str]) -> Response:
    if person.issuer or person.password:
        return RedirectResponse("/account", 303)
    name = form.get("name", "").strip() if _renames(person) else person.name
    try:
        names.checked_name(name)
    except AccessError:
        return _choose(person, "name_bad")
    if wrong := await _unfit(person._replace(name=name), form):
        return _choose(person, wrong)
    hashed = await asyncio.to_thread(passwords.hashed, form["new"])
    try:
        await current().read(_name_and_password, person, name, hashed)
    except AccessError:
        return _choose(person, "name_bad")
    current().doors.forget()
    return RedirectResponse("/", 303)


def _name_and_password(conn: Connection, person: Person, name: str, hashed: str) -> None:
    who = viewer.who()
    if name != person.name:
        person = people.change(conn, who, person, name=name)
    people.set_password(conn, who, person, hashed, now(), keep=viewer.CURRENT.get().session)


@_form("password")
async def _password(request: Request, person: Person, form: dict[str, str]) -> Response:
    if person.issuer:
        return RedirectResponse("/account", 303)
    if person.password and (refused := await _unconfirmed(request, person, form)):
        return refused
    if wrong := await _unfit(person, form):
        return await _account(person, 400, fault=_said(wrong))
    hashed = await asyncio.to_thread(passwords.hashed, form["new"])
    held = viewer.CURRENT.get().session
    await current().read(lambda conn: people.set_password(conn, viewer.who(), person, hashed, now(), keep=held))
    current().doors.forget()
    return await _account(await _me() or person, done=_said("saved"))


@_form("codes/start")
async def _start(request: Request, person: Person, form: dict[str, str]) -> Response:
    if refused := await _unconfirmed(request, person, form):
        return refused
    return await _offer(person, codes.seed())


@_form("codes/confirm")
async def _confirm(_: Request, person: Person, form: dict[str, str]) -> Response:
    """The key was shown, and stood in the form meanwhile, sealed; a code of it switches codes on."""
    seed = await current().read(_offered, person, form.get("offer", "")[:400])
    if seed is None or person.issuer:
        return await _account(person, 400, fault=fault("late"))
    used = codes.step(seed, form.get("code", "")[:20], now(), 0)
    if used is None:
        return await _offer(person, seed, 400, fault=fault("code_wrong"))
    secret = current().settings.secret
    spare = await current().read(
        lambda conn: entering.set_codes(
            conn, viewer.who(), secret, person, seed, used, keep=viewer.CURRENT.get().session
        )
    )
    current().doors.forget()
    return await _account(await _me() or person, spare=spare)


@_form("codes/remove")
async def _remove(request: Request, person: Person, form: dict[str, str]) -> Response:
    if refused := await _unconfirmed(request, person, form):
        return refused
    await current().read(lambda conn: entering.clear_codes(conn, viewer.who(), person))
    return await _account(await _me() or person, done=_said("codes_removed"))


@_form("sessions")
async def _end_others(_: Request, person: Person, __: dict[str, str]) -> Response:
    held = viewer.CURRENT.get().session
    ended = await current().read(lambda conn: sessions.end_others(conn, viewer.who(), person, keep=held))
    current().doors.forget()
    return await _account(person, done=_said("ended").format(n=ended))


async def _me() -> Person | None:
    """Whose page it is, as the store has it now."""
    number = viewer.CURRENT.get().person
    return None if number is None else await current().read(people.by_id, number)


async def _unconfirmed(request: Request, person: Person, form: dict[str, str]) -> Response | None:
    """A refusal, unless the account's password was given again. Wrong ones count as at the log-in."""
    answer = await entrance().password(person.name, form.get("current", ""), came_from(request))
    if answer.outcome == "right" and answer.person is not None and answer.person.id == person.id:
        return None
    said, status = (_said("wrong"), 400) if answer.outcome in {"right", "wrong"} else of_answer(answer)
    return await _account(person, status, fault=said)


async def _unfit(person: Person, form: dict[str, str]) -> str:
    """Why the new password cannot be taken, as the end of a phrase's key; "" where it can."""
    new, city = form.get("new", ""), current().folder.city
    if new != form.get("repeat", ""):
        return "differ"
    about = (person.name, person.address, *(say(city.name, lang) for lang in city.languages))
    try:
        await asyncio.to_thread(passwords.check, new, about, current().settings.breached)
    except WeakPasswordError as error:
        return error.reason
    except AccessError as error:
        log.error("%s", error)  # noqa: TRY400  no traceback helps
        return "unchecked"
    return ""


async def _offer(person: Person, seed: str, status: int = 200, **more: Any) -> Response:
    """The page with a key to scan; the form carries it back, sealed for this account and a quarter of an hour."""
    sealed = await current().read(_sealed, person, seed)
    city = current().folder.city
    address = codes.address(seed, person.name, f"IOC {say(city.name, viewer.language())}")
    shown_seed = " ".join(seed[i : i + 4] for i in range(0, len(seed), 4))
    return await _account(person, status, seed=shown_seed, picture=codes.picture(address), offer=sealed, **more)


def _sealed(conn: Connection, person: Person, seed: str) -> str:
    until = int(now().timestamp()) + _OFFER_SECONDS
    return codes.sealed(kept.secret(conn, current().settings.secret), person.id, f"{seed}.{until}").hex()


def _offered(conn: Connection, person: Person, offer: str) -> str | None:
    try:
        sealed = bytes.fromhex(offer)
    except ValueError:
        return None
    opened = codes.opened(kept.secret(conn, current().settings.secret), person.id, sealed)
    seed, _, until = (opened or "").partition(".")
    return seed if until.isdigit() and now().timestamp() < int(until) else None


async def _account(person: Person, status: int = 200, **values: Any) -> Response:
    found = await current().read(sessions.of_person, person.id, now())
    provider = current().settings.oidc_name or words("dashboards", viewer.language())["login.provider"]
    return shown("account.html", status, person=person, places=[_place(one) for one in found], provider=provider,
                 **values)  # fmt: skip


def _place(session: Session) -> dict[str, Any]:
    language, zone = viewer.language(), current().zone
    return {
        "this": session.handle == keys.kept(viewer.CURRENT.get().session).hex(), "address": session.address,
        "how": _said(f"how_{session.how}"), "began": local_time(session.created_at, zone, language),
        "seen": local_time(session.seen_at, zone, language),
    }  # fmt: skip


def _choose(person: Person, wrong: str) -> Response:
    said = _said(wrong) if wrong else ""
    return shown("choose.html", 400 if wrong else 200, name=person.name, renames=_renames(person), fault=said)


def _renames(person: Person) -> bool:
    """Others have the name they were given: what they do is noted under it."""
    return person.role is Role.ADMINISTRATOR


def _said(key: str) -> str:
    return words("dashboards", viewer.language())[f"account.{key}"]
