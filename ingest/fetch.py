"""One polite HTTP request -> status and body: conditional, gzip, few redirects, a hard deadline, a limit on size.

TLS certificates are always checked. Nothing is kept between requests but what the caller keeps.
"""

from __future__ import annotations

import http.client
import ssl
import threading
import time
import zlib
from contextlib import suppress
from email.utils import parsedate_to_datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import SplitResult, urljoin, urlsplit

import certifi

from ioc.errors import IocError

if TYPE_CHECKING:
    import socket
    from collections.abc import Mapping

REDIRECTS = 5
AGENT = "ioc-bridge/0.1"
_CHUNK = 65_536
_CONNECT = 10.0  # seconds, at most, for one address to accept
_MOVED = frozenset({301, 302, 303, 307, 308})
_SECRET = frozenset({"authorization", "cookie", "x-api-key", "proxy-authorization"})


class FetchError(IocError):
    """The request failed; `reason`: deadline, connect, tls, too_large, redirects, broken, bad_url or no_secret."""

    def __init__(self, reason: str, detail: str = "") -> None:
        self.reason = reason
        super().__init__(f"{reason}: {detail}" if detail else reason)


class Fetched(NamedTuple):
    """status 200 with a body, 304 without, or a refusal. retry_after: seconds the server asks us to wait."""

    status: int
    body: bytes
    etag: str
    modified: str
    retry_after: float | None


class Wanted(NamedTuple):
    """headers: sent to the first host only where they are secret. etag, modified: of the document we have."""

    url: str
    headers: Mapping[str, str]
    deadline: float  # seconds for everything together
    max_bytes: int  # of the unpacked body
    etag: str = ""
    modified: str = ""


def fetch(wanted: Wanted) -> Fetched:
    """Raises FetchError."""
    end = time.monotonic() + wanted.deadline
    url, headers = wanted.url, _headers(wanted)
    for _ in range(REDIRECTS + 1):
        parts = _split(url)
        found, location = _once(parts, headers, end, wanted.max_bytes)
        if location is None:
            return found
        following = _split(urljoin(url, location))
        if parts.scheme == "https" and following.scheme != "https":
            raise FetchError("redirects", f"from https to {following.scheme} is refused")
        if (following.hostname, following.port) != (parts.hostname, parts.port):
            headers = {k: v for k, v in headers.items() if k.lower() not in _SECRET and k not in wanted.headers}
        url = following.geturl()
    raise FetchError("redirects", f"more than {REDIRECTS}")


def _headers(wanted: Wanted) -> dict[str, str]:
    found = {"User-Agent": AGENT, "Accept": "*/*", "Accept-Encoding": "gzip", "Connection": "close", **wanted.headers}
    if wanted.etag:
        found["If-None-Match"] = wanted.etag
    if wanted.modified:
        found["If-Modified-Since"] = wanted.modified
    return found


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018  it raises where the port is none
    except ValueError as error:
        raise FetchError("bad_url", str(error)) from error
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise FetchError("bad_url", f"http:// or https:// and a host are expected, not {parts.scheme}:")
    return parts


@cache
def _context() -> ssl.SSLContext:
    """The system's certificate authorities; certifi's where the system has none (a bare container)."""
    paths = ssl.get_default_verify_paths()
    if paths.cafile or (paths.capath and any(Path(paths.capath).iterdir())):
        return ssl.create_default_context()
    return ssl.create_default_context(cafile=certifi.where())


def _connection(parts: SplitResult, seconds: float) -> http.client.HTTPConnection:
    host = parts.hostname or ""
    if parts.scheme == "https":
        return http.client.HTTPSConnection(host, parts.port, timeout=seconds, context=_context())
    return http.client.HTTPConnection(host, parts.port, timeout=seconds)


def _once(parts: SplitResult, headers: Mapping[str, str], end: float, max_bytes: int) -> tuple[Fetched, str | None]:
    """One request; the second part is where to go instead."""
    left = end - time.monotonic()
    if left <= 0:
        raise FetchError("deadline", "before the request could be sent")
    connection = _connection(parts, min(_CONNECT, left))
    cut = threading.Event()
    watchdog: threading.Timer | None = None
    try:
        connection.connect()
        watchdog = threading.Timer(max(end - time.monotonic(), 0.01), _cut, (connection.sock, cut))
        watchdog.daemon = True
        watchdog.start()
        connection.sock.settimeout(left)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request("GET", target, headers=dict(headers))
        response = connection.getresponse()
        return _answer(response, max_bytes), response.getheader("Location") if response.status in _MOVED else None
    except FetchError as error:
        if cut.is_set():
            raise FetchError("deadline", "the answer took too long") from error
        raise
    except ssl.SSLCertVerificationError as error:
        raise FetchError("tls", error.verify_message) from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise _failed(error, cut=cut.is_set() or time.monotonic() >= end, connected=watchdog is not None) from error
    finally:
        if watchdog is not None:
            watchdog.cancel()
        connection.close()


def _cut(sock: socket.socket, cut: threading.Event) -> None:
    """The deadline has come: whoever reads from the socket finds its end."""
    cut.set()
    with suppress(OSError):
        sock.shutdown(2)


def _failed(error: Exception, *, cut: bool, connected: bool) -> FetchError:
    if cut:
        return FetchError("deadline", "the answer took too long")
    if isinstance(error, ssl.SSLError):
        return FetchError("tls", str(error))
    return FetchError("broken" if connected else "connect", str(error) or type(error).__name__)


def _answer(response: http.client.HTTPResponse, max_bytes: int) -> Fetched:
    body = _body(response, max_bytes) if response.status == 200 else b""
    return Fetched(
        response.status,
        body,
        response.getheader("ETag") or "",
        response.getheader("Last-Modified") or "",
        retry_after(response.getheader("Retry-After"), time.time()),
    )


def _body(response: http.client.HTTPResponse, max_bytes: int) -> bytes:
    """The unpacked body. Raises FetchError `too_large`, `broken`."""
    declared = response.length
    if declared is not None and declared > max_bytes:
        raise FetchError("too_large", f"{declared} bytes announced, at most {max_bytes} are taken")
    unpack = zlib.decompressobj(31) if response.getheader("Content-Encoding", "").lower() == "gzip" else None
    found, received = bytearray(), 0
    while chunk := response.read1(_CHUNK):
        received += len(chunk)
        found += chunk if unpack is None else _unpacked(unpack, chunk, max_bytes + 1 - len(found))
        if len(found) > max_bytes:
            raise FetchError("too_large", f"more than {max_bytes} bytes")
    if (declared is not None and received < declared) or (unpack is not None and received and not unpack.eof):
        raise FetchError("broken", f"the connection ended after {received} bytes")
    return bytes(found)


def _unpacked(unpack: zlib._Decompress, chunk: bytes, room: int) -> bytes:
    try:
        return unpack.decompress(chunk, max(room, 1))
    except zlib.error as error:
        raise FetchError("broken", f"gzip: {error}") from error


def retry_after(value: str | None, now: float) -> float | None:
    """Seconds from `120` or from an HTTP date; now: seconds since 1970."""
    if not value:
        return None
    if value.strip().isdigit():
        return float(value.strip()[:9])
    try:
        return max(parsedate_to_datetime(value).timestamp() - now, 0.0)
    except (ValueError, TypeError):
        return None
