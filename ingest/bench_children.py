"""The bench's processes: started, listened to, timed and ended."""

from __future__ import annotations

import subprocess
import sys
import time
import urllib.request
from contextlib import suppress
from typing import TYPE_CHECKING

import psutil

from ioc.errors import IocError
from ioc.settings import child_environment

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def start(arguments: Sequence[str], environment: Mapping[str, str]) -> subprocess.Popen[str]:
    """Python with these arguments and exactly these IOC_* settings."""
    command = [sys.executable, *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=child_environment(environment))


def seconds(pid: int) -> float:
    """Processor time of a process and its living children."""
    total, process = 0.0, psutil.Process(pid)
    for one in (process, *process.children()):
        with suppress(psutil.NoSuchProcess):
            total += sum(one.cpu_times()[:2])
    return total


def said(child: subprocess.Popen[str], word: str) -> float:
    """The number a child prints behind `word`; 0 without one."""
    assert child.stdout is not None
    for line in child.stdout:
        if line.startswith(word):
            return float(line.split()[1]) if " " in line else 0.0
    raise IocError(f"a part of the bench ended early: {' '.join(map(str, child.args[1:4]))}")  # type: ignore[index]


def wait_ready(url: str, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with suppress(OSError), urllib.request.urlopen(url, timeout=1) as answer:  # noqa: S310  our own child
            if answer.status == 200:
                return
        time.sleep(0.05)
    raise IocError(f"the ingester is not ready after {seconds:.0f} s")


def end(child: subprocess.Popen[str]) -> None:
    if child.poll() is None:
        child.terminate()
        try:
            child.wait(15)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
