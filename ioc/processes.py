"""Ends processes that are not our children, and says which remain."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    import signal
    from collections.abc import Sequence


def end(
    processes: Sequence[psutil.Process], signals: Sequence[signal.Signals], patience: float
) -> list[psutil.Process]:
    """Send each signal in turn to those that still run, with `patience` seconds after each; returns who remains."""
    remaining = [p for p in processes if lives(p)]
    for number in signals:
        for process in remaining:
            with suppress(psutil.Error):
                process.send_signal(number)
        deadline = time.monotonic() + patience
        while (remaining := [p for p in remaining if lives(p)]) and time.monotonic() < deadline:
            time.sleep(0.02)
    return remaining


def lives(process: psutil.Process) -> bool:
    """Whether it runs; a zombie that nobody has reaped yet does not."""
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False
