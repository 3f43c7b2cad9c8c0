"""Scripts, styles and fonts as every browser gets them: packed once, kept, and cached for a year where the address
changes with the content.

Dash serves its own scripts unpacked (plotly alone is 4.8 MB); this stands between the guard and the application.
"""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

_OURS = re.compile(r"/(assets|_dash-component-suites)/.+\.(js|css|svg|woff2|map)$")
_NAMED = re.compile(r"\.v[\w-]+m\d+\.")  # Dash's fingerprint in a file's name
_STAMPED = re.compile(rb"(^|&)[bm]=[\w.]+(&|$)")  # ours and Dash's in the query
_MOST = 150  # files kept: more than there are, fewer than somebody who makes up names could ask for
_LEAST = 500  # bytes: less is not worth packing
_FOR_EVER, _ASK = b"public, max-age=31536000, immutable", b"no-cache"


class File(NamedTuple):
    """plain, packed: the body as it is, and gzipped where that is shorter. kind: its content type."""

    plain: bytes
    packed: bytes | None
    kind: bytes
    tag: bytes


class Packed:
    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._kept: dict[str, File] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] not in {"GET", "HEAD"} or not _OURS.match(scope["path"]):
            await self._app(scope, receive, send)
            return
        file = self._kept.get(scope["path"]) or await self._fetch(scope, receive)
        if file is None:
            await self._app(scope, receive, send)
        else:
            await _answer(file, scope, send)

    async def _fetch(self, scope: Scope, receive: Receive) -> File | None:
        """The file from the application; None where it answers with anything but a file, or too many are kept."""
        if len(self._kept) >= _MOST:
            return None
        heads: list[Message] = []
        parts: list[bytes] = []

        async def take(message: Message) -> None:
            if message["type"] == "http.response.start":
                heads.append(message)
            else:
                parts.append(message.get("body", b""))

        asked = [(k, v) for k, v in scope["headers"] if k not in {b"if-none-match", b"if-modified-since", b"range"}]
        await self._app({**scope, "method": "GET", "headers": asked}, receive, take)
        headers = dict(heads[0]["headers"]) if heads else {}
        if not heads or heads[0]["status"] != 200 or b"content-encoding" in headers:
            return None
        body = b"".join(parts)
        file = await asyncio.to_thread(_pack, body, headers.get(b"content-type", b"application/octet-stream"))
        self._kept[scope["path"]] = file
        return file


def _pack(body: bytes, kind: bytes) -> File:
    packed = gzip.compress(body, 7, mtime=0) if len(body) >= _LEAST else body
    tag = b'"' + hashlib.sha256(body).hexdigest()[:20].encode() + b'"'
    return File(body, packed if len(packed) < 0.95 * len(body) else None, kind, tag)


async def _answer(file: File, scope: Scope, send: Send) -> None:
    asked = dict(scope["headers"])
    lasting = _NAMED.search(scope["path"]) or _STAMPED.search(scope.get("query_string", b""))
    headers = [(b"cache-control", _FOR_EVER if lasting else _ASK), (b"etag", file.tag), (b"vary", b"Accept-Encoding")]
    status, body = 200, file.plain
    if asked.get(b"if-none-match") == file.tag:
        status, body = 304, b""
    else:
        headers.append((b"content-type", file.kind))
        if file.packed is not None and b"gzip" in asked.get(b"accept-encoding", b""):
            body = file.packed
            headers.append((b"content-encoding", b"gzip"))
        headers.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})
