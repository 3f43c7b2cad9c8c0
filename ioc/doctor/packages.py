"""The packages this runs on: whether one is known to be unsafe, where pip-audit can say so; and the lock."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.resources import files
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from ioc.doctor.case import Finding, Unseen, note, serious

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ioc.doctor.case import Case

_PATIENCE = 120  # seconds
_MOST_NAMED = 5


def advisories(_: Case) -> Iterator[Finding]:
    if find_spec("pip_audit") is None:
        raise Unseen("pip-audit is not installed: `pip install pip-audit`, on a machine that reaches the advisories")
    command = [sys.executable, "-m", "pip_audit", "--format", "json", "--progress-spinner", "off"]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_PATIENCE, check=False, stdin=subprocess.DEVNULL
        )
        found = json.loads(done.stdout)["dependencies"]
    except (subprocess.TimeoutExpired, ValueError, KeyError, TypeError) as error:
        raise Unseen("pip-audit could not reach the advisories: run it on a machine that does") from error
    yield from judge(found)


def judge(found: list[dict[str, Any]]) -> Iterator[Finding]:
    """found: `dependencies` of pip-audit's JSON. Raises Unseen where it knew nothing of any of them."""
    looked = [one for one in found if "skip_reason" not in one]
    if not looked:
        raise Unseen("pip-audit has no advisories here: run it on a machine that reaches them")
    for one in looked:
        if vulns := one.get("vulns"):
            better = sorted({v for vuln in vulns for v in vuln.get("fix_versions", [])})
            yield serious(
                "packages.advisory",
                f"{one['name']} {one['version']} has {', '.join(vuln['id'] for vuln in vulns)}",
                f"install {one['name']} {' or '.join(better)}"
                if better
                else "there is no better version yet: read what it says",
            )


def locked(_: Case) -> Iterator[Finding]:
    """Whether what runs is what was locked, for whoever installs from the lock."""
    from ioc.supply import parts

    packages = parts.closure(parts.requirements()).packages
    yield from judge_lock({name: dist.version for name, dist in packages.items()}, lock())


def judge_lock(installed: Mapping[str, str], pinned: Mapping[str, set[str]]) -> Iterator[Finding]:
    other = sorted(name for name, version in installed.items() if version not in pinned.get(name, set()))
    if other:
        named = ", ".join(other[:_MOST_NAMED]) + (
            f" and {len(other) - _MOST_NAMED} more" if len(other) > _MOST_NAMED else ""
        )
        yield note(
            "packages.lock",
            f"other versions than those tested together run here: {named}",
            "install with --require-hashes from requirements.lock, which `ioc deploy` writes",
        )


def lock() -> dict[str, set[str]]:
    """{name: versions} of the lock file that comes with IOC."""
    found: dict[str, set[str]] = {}
    for line in (files("ioc.deploy") / "requirements.lock").read_text(encoding="utf-8").splitlines():
        if "==" in line and line[:1].isalnum():
            need = Requirement(line.removesuffix("\\").strip())
            found.setdefault(canonicalize_name(need.name), set()).add(str(need.specifier).removeprefix("=="))
    return found


CHECKS = (advisories, locked)
