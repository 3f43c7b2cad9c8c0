"""`ioc bench city`: what a whole running city takes of the machine, process by process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from ioc.embedded.broker import free_port
from ioc.errors import StartError
from ioc.settings import child_environment
from ioc.up.folder import DataFolder

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

_SETTLE = 30.0  # seconds after the start before measuring: imports and first rounds are over


def command(args: argparse.Namespace) -> int:
    """Measure the `ioc up` that runs on --data, or one started for this. Prints a table, or one JSON object."""
    with _running(args.data) as (pid, folder):
        result = measure(pid, DataFolder(folder).read("processes.json"), args.seconds)
    if args.json:
        print(json.dumps(result))
        return 0
    for name, part in sorted(result["parts"].items()):
        print(f"  {name:<12} {part['cores'] * 100:6.1f} % of a core  {part['memory_mb']:7.1f} MB")
    print(f"  {'together':<12} {result['cores'] * 100:6.1f} % of a core  {result['memory_mb']:7.1f} MB")
    return 0


def measure(pid: int, children: dict[str, Any], seconds: float) -> dict[str, Any]:
    """{cores, memory_mb, seconds, parts: {name: {cores, memory_mb}}}; memory counts shared pages once (PSS)."""
    roots = {"supervisor": pid} | {name: int(noted[0]) for name, noted in children.items()}
    before = {name: _cpu(root, alone=name == "supervisor") for name, root in roots.items()}
    started = time.monotonic()
    time.sleep(seconds)
    spent = time.monotonic() - started
    parts = {
        name: {
            "cores": round((_cpu(root, alone=name == "supervisor") - before[name]) / spent, 4),
            "memory_mb": round(_memory(root, alone=name == "supervisor") / 1e6, 1),
        }
        for name, root in roots.items()
        if _family(root, alone=True)  # some end meanwhile: the history
    }
    return {
        "cores": round(sum(p["cores"] for p in parts.values()), 3),
        "memory_mb": round(sum(p["memory_mb"] for p in parts.values()), 1),
        "seconds": round(spent, 1),
        "parts": parts,
    }


def _family(pid: int, *, alone: bool) -> list[psutil.Process]:
    try:
        root = psutil.Process(pid)
        return [root] if alone else [root, *root.children(recursive=True)]
    except psutil.Error:
        return []


def _cpu(pid: int, *, alone: bool) -> float:
    """Seconds of CPU so far, of the process and its living and ended children."""
    total = 0.0
    for process in _family(pid, alone=alone):
        try:
            times = process.cpu_times()
        except psutil.Error:
            continue
        total += times.user + times.system + (0.0 if alone else times.children_user + times.children_system)
    return total


def _memory(pid: int, *, alone: bool) -> int:
    total = 0
    for process in _family(pid, alone=alone):
        try:
            total += process.memory_full_info().pss
        except psutil.Error:
            continue
    return total


@contextmanager
def _running(data: Path | None) -> Iterator[tuple[int, Path]]:
    """(process, data folder) of an `ioc up`: the one that is there, or one of our own for a while."""
    if data is not None:
        try:
            yield int((data / "lock").read_text(encoding="utf-8")), data
        except (OSError, ValueError) as error:
            raise StartError(f"no `ioc up` runs on {data}") from error
        return
    with tempfile.TemporaryDirectory(prefix="ioc-bench-") as temporary:
        command = [sys.executable, "-m", "ioc", "up", "--data", temporary, "--port", str(free_port()), "--no-backfill"]
        up = subprocess.Popen(command, env=child_environment({}), stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
        try:
            time.sleep(_SETTLE)
            yield up.pid, Path(temporary)
        finally:
            os.kill(up.pid, signal.SIGTERM)
            up.wait(60)
