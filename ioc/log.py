"""One line format for every process's log; passwords never reach it."""

from __future__ import annotations

import logging
import sys
import time

from ioc.settings import redact


class _Line(logging.Formatter):
    """`2026-01-31T08:30:00.123Z WARNING ingest.client: broker lost` and nothing that could forge a second line."""

    def formatTime(self, record: logging.LogRecord, _datefmt: str | None = None) -> str:  # noqa: N802  logging's name
        return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03d}Z"

    def format(self, record: logging.LogRecord) -> str:
        text = redact(super().format(record))
        trace = record.exc_info is not None or record.stack_info is not None
        return text if trace else text.replace("\r", "\\r").replace("\n", "\\n")


def start(level: str = "info") -> None:
    """Log to standard error, which systemd, containers and `ioc up` all keep."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Line("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for chatty in ("apscheduler", "matplotlib", "watchfiles", "mail.log", "asyncio", "PIL", "fiona", "pyogrio"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
