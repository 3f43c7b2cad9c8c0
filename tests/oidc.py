"""A certified OpenID provider for tests: npm's oidc-provider on loopback, with its own log-in pages for developers.

`python -m tests.oidc` installs it, by the hashes of oidc_parts/package-lock.json, into tests/.node_modules/oidc (or below
the folder IOC_TEST_NODE_MODULES names), and .ci/run calls just that. Version 8 is the last that runs on the Node 18 of
Debian 12.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import urllib.request
from pathlib import Path

from tests import services

HERE = Path(__file__).resolve().parent
PREFIX = (
    Path(os.environ.get("IOC_TEST_NODE_MODULES") or HERE / ".node_modules") / "oidc"
)  # before conftest clears IOC_*
MODULES = PREFIX / "node_modules"
PARTS = HERE / "oidc_parts"


def missing() -> str | None:
    """Why it cannot be started, or None."""
    if services.find("node") is None:
        return "Node.js is not installed"
    if not (MODULES / "oidc-provider").is_dir():
        return "the OpenID provider's npm packages are not installed: run `python -m tests.oidc`"
    return None


class Provider:
    """One provider; `url` is its issuer. people: subject -> claims. tell() changes what holds, keys included."""

    def __init__(self) -> None:
        self.port = services.free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.process: subprocess.Popen[str] | None = None
        self.told: dict[str, object] = {}

    def start(self, **told: object) -> Provider:
        command = [services.find("node"), str(HERE / "oidc_provider.mjs"), str(MODULES), str(self.port)]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, text=True)
        self.tell(**self.told | told)
        return self

    def tell(self, **told: object) -> None:
        assert self.process is not None
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.told |= told
        self.process.stdin.write(json.dumps(told) + "\n")
        self.process.stdin.flush()
        while (line := self.process.stdout.readline()).strip() != "ready":  # it warns that it is for developers
            assert line, "the OpenID provider did not start"

    def asked(self, path: str) -> int:
        """How often a path was asked for since the start."""
        with urllib.request.urlopen(f"{self.url}/asked", timeout=5) as answer:
            return int(json.load(answer).get(path, 0))

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.communicate()


def form(page: str) -> tuple[str, dict[str, str]]:
    """Where the first form of a page goes, and its hidden fields."""
    action = re.search(r'action="([^"]+)"', page)
    assert action, page[:500]
    return action[1], dict(re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', page))


def install() -> int:
    npm = services.find("npm")
    if npm is None:
        print("npm is not installed", file=sys.stderr)
        return 1
    PREFIX.mkdir(parents=True, exist_ok=True)
    for part in ("package.json", "package-lock.json"):
        shutil.copyfile(PARTS / part, PREFIX / part)
    command = [npm, "ci", "--prefix", str(PREFIX), "--no-audit", "--no-fund", "--ignore-scripts"]
    return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    raise SystemExit(install())
