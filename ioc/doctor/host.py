"""As whom the parts run on this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ioc.doctor.case import Finding, weak

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ioc.doctor.case import Case

_PARTS = {"ingest", "dashboards", "alerts", "bridge"}


def root(case: Case) -> Iterator[Finding]:
    yield from judge({name: pid for name, pid in {**parts_here(), **case.pids}.items() if _is_root(pid)})


def judge(rooted: Mapping[str, int]) -> Iterator[Finding]:
    """rooted: {part: process} of those that run as root."""
    if rooted:
        yield weak(
            "host.root",
            f"run as root: {', '.join(sorted(rooted))}; one fault in them is the whole machine's",
            "run them as a user of their own: `ioc deploy systemd` has units for that",
        )


def parts_here() -> dict[str, int]:
    """{part: process} of the parts that run on this machine, whoever started them."""
    import psutil

    found = {}
    for process in psutil.process_iter(["pid", "cmdline"]):
        words = process.info["cmdline"] or []
        if part := part_of(words):
            found[part] = process.info["pid"]
    return found


def part_of(words: list[str]) -> str:
    """Which part a command line is: `/opt/ioc/bin/ioc ingest /srv/city`, `python -m ioc ingest ...`; else empty."""
    for at, word in enumerate(words[:-1]):
        ours = word.rsplit("/", 1)[-1] == "ioc" and (at == 0 or words[at - 1] == "-m" or "python" in words[0])
        if ours and words[at + 1] in _PARTS:
            return words[at + 1]
    return ""


def _is_root(pid: int) -> bool:
    import psutil

    try:
        return bool(psutil.Process(pid).uids().effective == 0)
    except psutil.Error:
        return False


CHECKS = (root,)
