"""One request to a gateway over HTTP, and what the answer means: no redirects, everything timed, little read."""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
from contextlib import suppress
from email.utils import parsedate_to_datetime
from ipaddress import ip_address
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from alerts.fate import Fate, Result

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

CONNECT_S, READ_S, WHOLE_S = 10.0, 20.0, 60.0
_MOST = 16_384  # bytes of an answer
_REJECTED = {400, 413, 414, 415, 422}
_LATER = {408, 409, 425, 429}


class Request(NamedTuple):
    """hidden: a secret that must not show in what is told of the answer."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes
    hidden: tuple[str, ...] = ()


class Answer(NamedTuple):
    """after: seconds the gateway asks us to wait."""

    status: int
    text: str
    after: float


class RefusedError(OSError):
    """An address we do not ask, whoever names it."""


def send(request: Request, now: datetime, meaning: Callable[[Answer], Result]) -> Result:
    """Never raises for what a gateway may do."""
    asked = False
    connection: http.client.HTTPConnection | None = None
    try:
        connection = _connected(request.url)
        timer = threading.Timer(WHOLE_S, _cut, [connection])
        timer.daemon = True
        timer.start()
        try:
            asked = True
            connection.request(request.method, _target(request.url), request.body, dict(request.headers))
            answer = connection.getresponse()
            text = answer.read(_MOST).decode("utf-8", "replace")
        finally:
            timer.cancel()
        after = _seconds(answer.getheader("Retry-After", ""), now)
        result = meaning(Answer(answer.status, _shown(text, request.hidden), after))
    except (OSError, http.client.HTTPException, ValueError) as error:
        result = _failed(error, asked=asked)
    finally:
        if connection is not None:
            connection.close()
    return Result(result.fate, _shown(result.reply, request.hidden), result.after, result.down)


def meaning(answer: Answer) -> Result:
    """What most gateways mean."""
    said = f"{answer.status} {answer.text}".strip()
    if 200 <= answer.status < 300:
        return Result(Fate.SENT, said)
    if 300 <= answer.status < 400:
        return Result(Fate.STOPPED, f"{said}: it redirects, which is refused: write its new address into city.toml")
    if answer.status in _LATER or answer.status >= 500:
        return Result(Fate.LATER, said, answer.after)
    return Result(Fate.REJECTED if answer.status in _REJECTED else Fate.STOPPED, said)


def _failed(error: Exception, *, asked: bool) -> Result:
    said = f"{type(error).__name__}: {error}"
    if isinstance(error, RefusedError | ssl.SSLCertVerificationError | ValueError):
        return Result(Fate.STOPPED, said)
    return Result(Fate.UNSURE if asked else Fate.DOWN, said, down=isinstance(error, TimeoutError))


def _connected(url: str) -> http.client.HTTPConnection:
    """To the address that was judged: a name looked up twice may be two addresses."""
    parts = urlsplit(url)
    host, secure = parts.hostname or "", parts.scheme == "https"
    port = parts.port or (443 if secure else 80)
    raw = _reach(host, port)
    if secure:
        try:
            raw = ssl.create_default_context().wrap_socket(raw, server_hostname=host)
        except BaseException:
            raw.close()
            raise
    raw.settimeout(READ_S)
    connection = http.client.HTTPConnection(parts.netloc.rpartition("@")[2])
    connection.sock, connection.auto_open = raw, 0
    return connection


def _reach(host: str, port: int) -> socket.socket:
    """The first of the host's addresses that answers."""
    trouble: OSError = OSError(f"{host} has no address")
    for *_, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        where = ip_address(str(address[0]).partition("%")[0])
        mapped = getattr(where, "ipv4_mapped", None) or where
        if mapped.is_link_local or mapped.is_multicast or mapped.is_unspecified:
            raise RefusedError(f"{host} is {where}, which is never asked")
        try:
            return socket.create_connection((str(address[0]), port), CONNECT_S)
        except OSError as error:
            trouble = error
    raise trouble


def _target(url: str) -> str:
    parts = urlsplit(url)
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def _cut(connection: http.client.HTTPConnection) -> None:
    with suppress(OSError):
        if connection.sock is not None:
            connection.sock.shutdown(socket.SHUT_RDWR)


def _seconds(said: str, now: datetime) -> float:
    """Retry-After: seconds, or a date."""
    if said.strip().isdigit():
        return float(said)
    try:
        return max(0.0, (parsedate_to_datetime(said) - now).total_seconds()) if said else 0.0
    except (ValueError, TypeError):
        return 0.0


def _shown(text: str, hidden: tuple[str, ...]) -> str:
    for secret in filter(None, hidden):
        text = text.replace(secret, "***")
    return " ".join(text.split())[:400]
