"""`ioc alerts` that kills itself when a mail passes a point: python -m tests.alerts.crash CITY POINT TIMES."""

from __future__ import annotations

import os
import sys
import threading
from datetime import timedelta
from pathlib import Path

from alerts import evaluator, service
from ioc import log
from ioc.health import Health
from ioc.settings import Settings


def main(folder, point, after):
    seen = []

    def mark(name):
        if name == point:
            seen.append(name)
            if len(seen) > int(after):
                os.kill(os.getpid(), 9)

    log.start("info")
    service.EVERY = evaluator.EVERY = timedelta(seconds=1)
    service.run(Path(folder), Settings.from_environment(), threading.Event(), Health("alerts"), mark)


if __name__ == "__main__":
    main(*sys.argv[1:])
