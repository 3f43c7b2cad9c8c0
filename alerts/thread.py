"""A conversation of mails: headers and subjects by which Gmail, Outlook and Apple Mail keep it together. Pure.

Gmail wants References and the same subject after "Re:"; Apple Mail wants "Re:"; Outlook goes by Thread-Index and
Thread-Topic. So every later mail of an episode has the first one's subject, and says in its first line how it is now.
What has become worse than the conversation's first mail gets a subject of its own: that must be seen in a list.
"""

from __future__ import annotations

import base64
import hashlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ioc.store.outbox import Thread

_FILETIME = datetime(1601, 1, 1, tzinfo=UTC)


def subject(title: str, thread: Thread | None, priority: int) -> str:
    """The subject of a mail that would be called `title` alone."""
    if thread is None or priority < thread.priority:
        return title
    return f"Re: {thread.subject.removeprefix('Re: ')}"


def headers(thread: Thread | None, message_id: str, title: str, at: datetime) -> Iterator[tuple[str, str]]:
    """(name, value); of a conversation's first mail only those that name it."""
    topic = title if thread is None else thread.subject
    yield "Thread-Topic", topic.removeprefix("Re: ")
    if thread is None:
        yield "Thread-Index", index(message_id, at)
        return
    yield "In-Reply-To", thread.previous
    yield "References", " ".join(dict.fromkeys([thread.root, thread.previous]))
    yield "Thread-Index", index(thread.root, thread.begun, at)


def index(root: str, begun: datetime, at: datetime | None = None) -> str:
    """Outlook's: six bytes of when it began and sixteen that name it, then five for the time of a later mail."""
    start = _ticks(begun)
    value = start.to_bytes(8, "big")[:6] + hashlib.sha256(root.encode()).digest()[:16]
    if at is not None:
        passed = max(0, _ticks(at) - start)
        long = passed >> 49
        part = (passed >> (23 if long else 18)) & 0x7FFF_FFFF
        value += (part | (0x8000_0000 if long else 0)).to_bytes(4, "big") + b"\0"
    return base64.b64encode(value).decode()


def _ticks(when: datetime) -> int:
    """Units of 100 ns since 1601."""
    passed = when - _FILETIME
    return (passed.days * 86_400 + passed.seconds) * 10_000_000 + passed.microseconds * 10
