"""One line format for every process's log; passwords never reach it, and no foreign text begins a line or a colour."""

from __future__ import annotations

import logging
import re
import sys
import time

from ioc.settings import redact

# C0 and C1 controls, line and paragraph separators, what turns the reading direction, and halves of surrogate pairs.
# A tab and, in a traceback, a line's end are the only ones a log needs.
_HARMFUL = re.compile(
    "[\0-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]"
)
_LONGEST = 20_000  # characters of one record: a message may hold another's megabyte


class _Line(logging.Formatter):
    """`2026-01-31T08:30:00.123Z WARNING ingest.client: broker lost` and nothing that could forge a second line."""

    def formatTime(self, record: logging.LogRecord, _datefmt: str | None = None) -> str:  # noqa: N802  logging's name
        return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03d}Z"

    def format(self, record: logging.LogRecord) -> str:
        trace = record.exc_info is not None or record.stack_info is not None
        return harmless(redact(super().format(record)), "\n    " if trace else "\\n")


def harmless(text: str, line_end: str = "\\n") -> str:
    """The text with every control character written out. line_end: for a traceback, an indented new line."""
    shown = text if len(text) <= _LONGEST else f"{text[:_LONGEST]}... ({len(text)} characters)"
    return _HARMFUL.sub(_written, shown).replace("\n", line_end)


def _written(found: re.Match[str]) -> str:
    return "\\r" if found[0] == "\r" else found[0].encode("unicode_escape", "surrogatepass").decode("ascii")


def start(level: str = "info") -> None:
    """Log to standard error, which systemd, containers and `ioc up` all keep."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Line("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for chatty in ("apscheduler", "matplotlib", "watchfiles", "mail.log", "asyncio", "PIL", "fiona", "pyogrio"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
