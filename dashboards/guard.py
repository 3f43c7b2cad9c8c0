"""Stands before everything: who may pass, from which page, under which name, and the headers every answer carries.

Plain ASGI, because websockets must pass it too. In this order:
1. The Host must be a name of ours: a page elsewhere that points its own name here gets nothing.
2. A request that changes something, and every websocket, must come from our own pages (Origin equals Host), unless it
   carries a token, which no browser sends by itself. Links of mails (/a/, /u/) carry their own right and are called by
   mail programs.
3. Who asks is found by doors.py; what the address needs stands in surface.py; what a role may in ioc/access/rights.py.
4. A body has a size. An open websocket is asked for its right again every few seconds.
"""

from __future__ import annotations

import logging
import time
from contextlib import suppress
from datetime import UTC, datetime
from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, quote, urlsplit

from starlette.websockets import WebSocketDisconnect

from dashboards import surface
from dashboards.doors import DISPLAY, SESSION, Doors, Flooding
from dashboards.lines import Sockets, slowed
from dashboards.names import Names, clean
from dashboards.viewer import CURRENT, Viewer
from ioc.access.holder import Holder
from ioc.access.rights import Right, Role
from ioc.errors import StoreError
from ioc.language import LANGUAGES
from ioc.store import sessions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = logging.getLogger(__name__)
LANGUAGE = "ioc_language"
INSIDE = "ioc.inside"  # in the scope of a request that the server makes to itself; no network can put it there
LARGEST = 2_000_000  # bytes of a body; the biggest of ours is a feed's file with its samples
_LARGE = f"a body of more than {LARGEST} bytes is not taken\n"
AGAIN = 5.0  # seconds after which an open websocket must still have its right
_YEAR = 365 * 86400
_SAFE = {"GET", "HEAD", "OPTIONS"}
_SIGNED = ("/a/", "/u/")
_BACKCHANNEL = "/oidc/backchannel"  # the provider's own call; its token is signed
_FRAMED = ("/mail/", *_SIGNED)  # these have a stricter policy of their own
_OPEN = Holder(Role.ADMINISTRATOR, "")  # IOC_AUTH=open
_NOBODY = Holder(Role.NOBODY, "")
_HEADERS = [(b"x-content-type-options", b"nosniff"), (b"referrer-policy", b"same-origin"),
            (b"x-frame-options", b"SAMEORIGIN"), (b"cross-origin-opener-policy", b"same-origin"),
            (b"cross-origin-resource-policy", b"same-origin"),
            (b"permissions-policy", b"geolocation=(), camera=(), microphone=(), payment=(), usb=()")]  # fmt: skip


def policy(script_hashes: list[str], elsewhere: Iterable[str] = ()) -> str:
    """The Content-Security-Policy: everything from this server, inline scripts only by hash, no eval.

    Inline styles stay allowed: Plotly and Dash write style attributes, which no hash can name.

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
    """auth: "" asks for a session; `open` lets everybody in; `proxy` believes who the proxy in front says it is."""

    def __init__(
        self, app: ASGIApp, *, doors: Doors, names: Names, language: str, csp: Callable[[], str], auth: str
    ) -> None:
        self._app, self._doors, self._names = app, doors, names
        self._language, self._csp, self._auth = language, csp, auth
        self._sockets = Sockets()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in {"http", "websocket"} or INSIDE in scope:
            await self._app(scope, receive, send)
            return
        headers = {k.decode("latin-1"): v.decode("latin-1") for k, v in scope["headers"]}
        refused = self._wrong(scope, headers)
        if refused is not None:
            _noted(scope, *refused)
            await _refuse(scope, receive, send, *refused)
            return
        try:
            holder = await self._holder(scope, headers)
        except Flooding:
            await _refuse(scope, receive, send, 429, "too many wrong keys from your address: wait a minute\n")
        except StoreError:
            await _refuse(scope, receive, send, 503, "the database is away, so nobody new can be let in: try again\n")
        else:
            await self._pass(scope, receive, send, holder, headers)

    def _wrong(self, scope: Scope, headers: dict[str, str]) -> tuple[int, str] | None:
        """What is wrong with a request before it matters who sent it."""
        hosts = [v for k, v in scope["headers"] if k == b"host"]
        if len(hosts) != 1 or not self._names.ours(headers.get("host", "")):
            return 421, self._names.remedy(headers.get("host", ""))
        if not _own_page(scope, headers):
            return 403, "this request did not come from a page of this server\n"
        length = headers.get("content-length", "0")
        if not length.isascii() or not length.isdigit() or int(length) > LARGEST:
            return 413, _LARGE
        return None

    async def _holder(self, scope: Scope, headers: dict[str, str]) -> Holder:
        if self._auth == "open":
            return _OPEN
        cookies = _cookies(headers.get("cookie", ""))
        found = await self._doors.find(cookies, headers.get("authorization", ""), _address(scope))
        if found is None and self._auth == "proxy" and self._names.proxied(scope.get("ioc.peer", "")):
            found = await self._doors.named(headers.get("x-forwarded-user", headers.get("remote-user", "")))
        return found or _NOBODY

    async def _pass(self, scope: Scope, receive: Receive, send: Send, holder: Holder, headers: dict[str, str]) -> None:
        right = surface.needed(scope["path"])
        viewer = self._viewer(scope, headers, holder)
        if right is not None and not viewer.may(right):
            _noted(scope, 401 if holder.role is Role.NOBODY else 403, f"needs {right}, is {holder.role}")
            await _ask(scope, receive, send, holder, right, program="authorization" in headers)
            return
        CURRENT.set(viewer)
        if scope["type"] == "websocket":
            await self._connected(scope, receive, self._watched(send, headers, holder), holder)
            return
        receive, send = _measured(scope, receive, self._dressed(scope, send, holder))
        await self._app(scope, receive, send)

    async def _connected(self, scope: Scope, receive: Receive, send: Send, holder: Holder) -> None:
        """A socket, where there is room for one more of them; nobody may talk faster than a person's hands do."""
        with self._sockets.taken(holder, _address(scope), scope["path"]) as room:
            if room:
                await self._app(scope, slowed(receive), send)
            else:
                await _refuse(scope, receive, send, 429, "")

    def _viewer(self, scope: Scope, headers: dict[str, str], holder: Holder) -> Viewer:
        chosen = _cookies(headers.get("cookie", "")).get(LANGUAGE, "")
        return Viewer(
            language=chosen if chosen in LANGUAGES else self._language, role=holder.role, path=scope["path"],
            at=_moment(scope, headers), name=holder.name[:80], person=holder.person, bounds=holder.bounds,
            scopes=holder.scopes, scenes=holder.scenes, display=holder.display, address=_address(scope),
            session=holder.session,
        )  # fmt: skip

    def _dressed(self, scope: Scope, send: Send, holder: Holder) -> Send:
        """`send` with the security headers on the first message of every answer, and the session's new cookie."""
        secure = scope.get("scheme") == "https"
        extra = list(_HEADERS)
        if secure:
            extra.append((b"strict-transport-security", b"max-age=31536000; includeSubDomains"))
        if not scope["path"].startswith(_FRAMED):
            extra.append((b"content-security-policy", self._csp().encode()))
        longest = int(sessions.LONGEST.total_seconds())
        renewed = f"{SESSION}={holder.renewed}; Max-Age={longest}; Path=/; HttpOnly; SameSite=Lax{'; Secure' * secure}"

        async def dressed(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = message.get("headers", [])
                names = {k.lower() for k, _ in own}
                kept = [] if b"cache-control" in names else [(b"cache-control", b"no-store")]
                given = any(k.lower() == b"set-cookie" and v.startswith(SESSION.encode()) for k, v in own)
                fresh = [(b"set-cookie", renewed.encode())] if holder.renewed and not given else []
                message = {**message, "headers": [*own, *extra, *kept, *fresh]}
            await send(message)

        return dressed

    def _watched(self, send: Send, headers: dict[str, str], holder: Holder) -> Send:
        """`send` of a websocket that closes it once its session, key or token no longer holds."""
        checked, cookies = time.monotonic(), _cookies(headers.get("cookie", ""))

        async def watched(message: Message) -> None:
            nonlocal checked
            if self._auth != "open" and time.monotonic() - checked > AGAIN:
                checked = time.monotonic()
                with suppress(StoreError, Flooding):
                    if not await self._doors.still(holder, cookies, headers.get("authorization", "")):
                        await send({"type": "websocket.close", "code": 4401})
                        raise WebSocketDisconnect(4401)
            await send(message)

        return watched


class _TooLargeError(Exception):
    """The body went on beyond what was announced, or without saying how long it is."""


def _measured(scope: Scope, receive: Receive, send: Send) -> tuple[Receive, Send]:
    """The same, for a body that goes on beyond its size: whatever the rest makes of that, the answer is 413."""
    taken, over = 0, False

    async def measured() -> Message:
        nonlocal taken, over
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > LARGEST:
            over = True
            raise _TooLargeError
        return message

    async def told(message: Message) -> None:
        if not over:
            await send(message)
        elif message["type"] == "http.response.start":
            await _refuse(scope, receive, send, 413, _LARGE)

    return measured, told


def _address(scope: Scope) -> str:
    return str((scope.get("client") or ("",))[0])


def _noted(scope: Scope, status: int, why: str) -> None:
    """One line in the log. Nothing of the request stands in it that could make a second."""
    log.info("refused %d from %s: %s %s: %s", status, clean(_address(scope)), scope.get("method", "WS"),
             clean(scope["path"]), clean(why))  # fmt: skip


def _moment(scope: Scope, headers: dict[str, str]) -> datetime | None:
    """?at= of the page: of this request, or of the page that made it (its address is the Referer of a callback)."""
    for query in (scope.get("query_string", b"").decode("latin-1"), _query(headers.get("referer", ""))):
        said = parse_qs(query).get("at", [""])[0]
        with suppress(ValueError, OverflowError):
            at = datetime.fromisoformat(said)
            return at.astimezone(UTC) if at.tzinfo and 1970 <= at.year < 9000 else None
    return None


def _query(address: str) -> str:
    with suppress(ValueError):
        return urlsplit(address).query
    return ""


def _cookies(header: str) -> dict[str, str]:
    try:
        return {name: morsel.value for name, morsel in SimpleCookie(header).items()}
    except CookieError:
        return {}


def _own_page(scope: Scope, headers: dict[str, str]) -> bool:
    """Browsers send Origin with every websocket and every POST."""
    if scope["type"] == "http" and (scope["method"] in _SAFE or scope["path"].startswith((*_SIGNED, _BACKCHANNEL))):
        return True
    if headers.get("authorization", "").lower().startswith("bearer ") and "cookie" not in headers:
        return True
    schemes = {"https"} if scope.get("scheme") in {"https", "wss"} else {"http", "https"}
    with suppress(ValueError):
        origin = urlsplit(headers.get("origin", ""))
        return origin.scheme in schemes and origin.netloc == headers.get("host")
    return False


async def _ask(scope: Scope, receive: Receive, send: Send, holder: Holder, right: Right, *, program: bool) -> None:
    """A person is sent to the log-in, a screen that wants a wall to its pairing; a program is told in a word."""
    path = scope["path"]
    page = scope["type"] == "http" and scope["method"] == "GET" and not path.startswith(("/api", "/_dash", "/metrics"))
    if program or not page:
        status = 401 if holder.role is Role.NOBODY else 403
        why = "log in first\n" if status == 401 else f"this needs the right to {right}\n"
        await _refuse(scope, receive, send, status, why)
        return
    if holder.role not in {Role.NOBODY, Role.DISPLAY}:
        await _refuse(scope, receive, send, 403, f"your account ({holder.role}) lacks the right to {right}\n")
        return
    query = scope.get("query_string", b"").decode("latin-1")
    to = quote(path + (f"?{query}" if query else ""), safe="/")
    where = "/pair" if right is Right.WALL and holder.role is Role.NOBODY else "/login"
    head = [(b"location", f"{where}?next={to}".encode()), (b"content-length", b"0"), (b"cache-control", b"no-store")]
    await send({"type": "http.response.start", "status": 303, "headers": head})
    await send({"type": "http.response.body", "body": b""})


async def _refuse(scope: Scope, receive: Receive, send: Send, status: int, why: str) -> None:
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": 4401 if status == 401 else 4403})
        return
    body = why.encode()
    head: dict[str, Any] = {"type": "http.response.start", "status": status}
    kept = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(body)).encode()),
            (b"x-content-type-options", b"nosniff"), (b"cache-control", b"no-store")]  # fmt: skip
    if status in {429, 503}:  # a screen that nobody stands at loads itself again
        kept += [(b"retry-after", b"5"), (b"refresh", b"5")]
    await send({**head, "headers": kept})
    await send({"type": "http.response.body", "body": body})


__all__ = ["DISPLAY", "INSIDE", "LANGUAGE", "SESSION", "Guard", "policy"]
