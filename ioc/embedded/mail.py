"""A local SMTP server that keeps mails as files instead of delivering them: DIR/20260131T083000.123456-1.eml.

For `ioc up` and for trying things out; it listens on 127.0.0.1 only. The newest `KEEP` mails stay.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any

from ioc.errors import StartError

if TYPE_CHECKING:
    import threading
    from pathlib import Path

    from ioc.health import Health
    from ioc.service import Part
    from ioc.settings import Settings

KEEP = 2000
_SIZE_LIMIT = 32_000_000  # bytes a mail
log = logging.getLogger(__name__)


def part(port: int) -> Part:
    """The catcher on `port` as a part for `ioc.service.run`; its folder is where mails go."""

    def run(folder: Path, _: Settings, stop: threading.Event, health: Health) -> None:
        from aiosmtpd.controller import Controller

        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StartError(f"{folder} cannot keep mails: {error.strerror}; choose another with --dir") from error
        options: dict[str, Any] = {"data_size_limit": _SIZE_LIMIT, "enable_SMTPUTF8": True, "ident": "IOC mail catcher"}
        server = Controller(Catcher(folder), hostname="127.0.0.1", port=port, **options)
        try:
            server.start()
        except OSError as error:
            raise StartError(f"SMTP port {port}: {error.strerror}; choose another with --port") from error
        log.info("keeps mails in %s, SMTP on 127.0.0.1:%d", folder, port)
        health.ready(ok=True)
        stop.wait()
        server.stop()

    return run


class Catcher:
    """aiosmtpd's handler: one file a mail, written whole before it is acknowledged."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._count = 0

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802  aiosmtpd's name
        self._count += 1
        now = time.time()
        stamp = time.strftime("%Y%m%dT%H%M%S", time.gmtime(now)) + f".{int(now % 1 * 1e6):06d}-{self._count}"
        head = "".join(f"X-Envelope-To: {to}\r\n" for to in envelope.rcpt_tos).encode()
        try:
            _write(self._folder / f"{stamp}.eml", head + envelope.content)
            self._forget()
        except OSError as error:
            log.warning("a mail could not be kept: %s", error)
            return "452 4.3.1 cannot keep the mail now, try again"
        return f"250 2.0.0 kept as {stamp}.eml"

    def _forget(self) -> None:
        for file in sorted(self._folder.glob("*.eml"))[:-KEEP]:
            file.unlink(missing_ok=True)


def _write(file: Path, content: bytes) -> None:
    part_file = file.with_suffix(".part")
    part_file.write_bytes(content)
    part_file.replace(file)
