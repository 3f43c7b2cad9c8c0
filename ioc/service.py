"""Runs one long-running part as a process: log, health port, clean stop, errors as one line.

A part's command handler is two lines:

    def handler(args: argparse.Namespace, settings: Settings) -> int:
        from ingest import service
        return ioc.service.run("ingest", service.run, args.folder, settings)
"""

from __future__ import annotations

import logging
import signal
import threading
from typing import TYPE_CHECKING, TypeAlias

from ioc.errors import IocError
from ioc.health import Health
from ioc.log import start as start_log

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ioc.settings import Settings

Part: TypeAlias = "Callable[[Path, Settings, threading.Event, Health], None]"


def run(name: str, part: Part, folder: Path, settings: Settings) -> int:
    """Run `part` until SIGTERM or SIGINT sets its stop event; returns the exit code."""
    start_log(settings.log_level)
    log = logging.getLogger(f"{name}.service")
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    health = Health(name)
    health.serve(settings.health_host, settings.health_port)
    log.info("starts on %s", folder)
    try:
        part(folder, settings, stop, health)
    except IocError:
        raise  # the command line says it in one line
    except Exception:
        log.exception("ended by an error")
        return 1
    finally:
        health.close()
    log.info("stopped")
    return 0
