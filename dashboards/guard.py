"""Stands before everything: who may pass, from which page, and the headers every answer carries.

Plain ASGI, because websockets must pass it too. The rules:
1. /healthz, /readyz, /login, the assets and the fonts are open.
2. With a password set, the rest needs a session; a display key opens the walls and what they read, nothing else.
3. Without a password the server is this computer's own, and answers to no other name: a page elsewhere that points its
   name here gets nothing.
4. A request that changes something, and every websocket, must come from our own pages (Origin equals Host).
5. Links of mails (/a/, /u/) carry their own right, signed: they need no session and no page of ours, since mail
   programs call some of them by themselves. Their pages have a stricter policy of their own.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from http.cookies import CookieError, SimpleCookie
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, quote, urlsplit

from dashboards.viewer import CURRENT, Viewer
from ioc.access.rights import Role
from ioc.language import LANGUAGES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from dashboards.session import Keys

SESSION, DISPLAY, LANGUAGE = "ioc_session", "ioc_display", "ioc_language"
_OPEN = ("/healthz", "/readyz", "/login", "/assets/", "/favicon.ico", "/_favicon.ico", "/language/", "/a/", "/u/")
_DISPLAY = ("/wall", "/ws/", "/images/", "/api/city", "/api/points", "/api/areas", "/api/basemap")
_STRANGE = b"open this address as localhost, or set IOC_PASSWORD, or IOC_AUTH=proxy behind a proxy that asks for one\n"
_SAFE = {"GET", "HEAD", "OPTIONS"}
_SIGNED = ("/a/", "/u/")


def policy(script_hashes: list[str], elsewhere: Iterable[str] = ()) -> str:
    """The Content-Security-Policy: everything from this server, inline scripts only by hash, no eval.

    elsewhere: origins that the map may ask for tiles, as the city folder names them.
    """
    tiles = "".join(f" {origin}" for origin in elsewhere)
    scripts = " ".join(["'self'", *(h if h.startswith("'") else f"'{h}'" for h in script_hashes)])
    return (
        f"default-src 'self'; script-src {scripts}; style-src 'self' 'unsafe-inline'; "
        f"img-src 'self' data: blob:{tiles}; worker-src 'self' blob:; connect-src 'self'{tiles}; "
        "font-src 'self' data:; object-src 'none'; base-uri 'none'; "
        "frame-src 'self'; frame-ancestors 'self'; form-action 'self'"
    )


class Guard:
    """proxied: a proxy in front has asked for the password already (IOC_AUTH=proxy) and names the user."""

    def __init__(self, app: ASGIApp, *, keys: Keys, language: str, csp: Callable[[], str], proxied: bool) -> None:
        self._app, self._keys, self._language, self._csp, self._proxied = app, keys, language, csp, proxied
        self._open = not keys.locked and not proxied

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        headers = {k.decode("latin-1"): v.decode("latin-1") for k, v in scope["headers"]}
        cookies = _cookies(headers.get("cookie", ""))
        viewer = self._viewer(scope, headers, cookies)
        if self._open and not _own_name(headers.get("host", "")):
            await _refuse(scope, receive, send, 421, _STRANGE)
        elif not _own_page(scope, headers):
            await _refuse(scope, receive, send, 403, b"this request did not come from a page of this server\n")
        elif not _may(viewer.role, scope["path"]):
            await _ask(scope, receive, send)
        else:
            CURRENT.set(viewer)
            await self._app(scope, receive, self._dressed(scope, send))

    def _viewer(self, scope: Scope, headers: dict[str, str], cookies: dict[str, str]) -> Viewer:
        chosen = cookies.get(LANGUAGE, "")
        language = chosen if chosen in LANGUAGES else self._language
        name = headers.get("x-forwarded-user", headers.get("remote-user", "")) if self._proxied else ""
        at = _moment(scope, headers)
        return Viewer(language=language, role=self._role(scope, cookies), path=scope["path"], name=name[:80], at=at)

    def _role(self, scope: Scope, cookies: dict[str, str]) -> Role:
        if not self._keys.locked or self._proxied or self._keys.session_holds(cookies.get(SESSION, "")):
            return Role.ADMINISTRATOR
        asked = parse_qs(scope.get("query_string", b"").decode("latin-1")).get("key", [""])[0]
        held = cookies.get(DISPLAY, "")
        return Role.DISPLAY if self._keys.display_holds(asked) or self._keys.display_holds(held) else Role.NOBODY

    def _dressed(self, scope: Scope, send: Send) -> Send:
        """`send` with the security headers on the first message of every answer."""
        framed = scope["path"].startswith(("/mail/", *_SIGNED))  # these have a stricter policy of their own

        async def dressed(message: Message) -> None:
            if message["type"] == "http.response.start":
                extra = [(b"x-content-type-options", b"nosniff"), (b"referrer-policy", b"same-origin"),
                         (b"x-frame-options", b"SAMEORIGIN"), (b"cross-origin-opener-policy", b"same-origin"),
                         (b"permissions-policy", b"geolocation=(), camera=(), microphone=()")]  # fmt: skip
                if not framed:
                    extra.append((b"content-security-policy", self._csp().encode()))
                message = {**message, "headers": [*message.get("headers", []), *extra]}
            await send(message)

        return dressed


def _moment(scope: Scope, headers: dict[str, str]) -> datetime | None:
    """?at= of the page: of this request, or of the page that made it (its address is the Referer of a callback)."""
    for query in (scope.get("query_string", b"").decode("latin-1"), urlsplit(headers.get("referer", "")).query):
        said = parse_qs(query).get("at", [""])[0]
        with suppress(ValueError, OverflowError):
            at = datetime.fromisoformat(said)
            return at.astimezone(UTC) if at.tzinfo else None
    return None


def _cookies(header: str) -> dict[str, str]:
    try:
        return {name: morsel.value for name, morsel in SimpleCookie(header).items()}
    except CookieError:
        return {}


def _own_name(host: str) -> bool:
    """localhost, or a number: a name would have been looked up, and whoever answers may point it anywhere."""
    name = urlsplit(f"//{host}").hostname or ""
    if name == "localhost":
        return True
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def _own_page(scope: Scope, headers: dict[str, str]) -> bool:
    """Browsers send Origin with every websocket and every POST."""
    if scope["type"] == "http" and (scope["method"] in _SAFE or scope["path"].startswith(_SIGNED)):
        return True
    origin = headers.get("origin")
    return origin is not None and urlsplit(origin).netloc == headers.get("host")


def _may(role: Role, path: str) -> bool:
    if role is Role.ADMINISTRATOR or path.startswith(_OPEN):
        return True
    return role is Role.DISPLAY and path.startswith(_DISPLAY)


async def _ask(scope: Scope, receive: Receive, send: Send) -> None:
    """A person is sent to the login page, a program is told 401."""
    wants_page = (
        scope["type"] == "http" and scope["method"] == "GET" and not scope["path"].startswith(("/api", "/_dash"))
    )
    if not wants_page:
        await _refuse(scope, receive, send, 401, b"log in first\n")
        return
    to = f"/login?next={quote(scope['path'])}".encode()
    await send(
        {"type": "http.response.start", "status": 303, "headers": [(b"location", to), (b"content-length", b"0")]}
    )
    await send({"type": "http.response.body", "body": b""})


async def _refuse(scope: Scope, receive: Receive, send: Send, status: int, why: bytes) -> None:
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": 4401 if status == 401 else 4403})
        return
    head: dict[str, Any] = {"type": "http.response.start", "status": status}
    await send({**head, "headers": [(b"content-type", b"text/plain"), (b"content-length", str(len(why)).encode())]})
    await send({"type": "http.response.body", "body": why})
