"""`ioc up`: checks, then starts one city's children, keeps them and stops them."""

from __future__ import annotations

import subprocess
import time
from typing import TYPE_CHECKING

from ioc.errors import StartError
from ioc.settings import child_environment
from ioc.up import before
from ioc.up.folder import DataFolder, default
from ioc.up.plan import Plan, Wishes
from ioc.up.screen import Screen
from ioc.up.supervisor import Stopped, Supervisor

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

    from ioc.settings import Settings
    from ioc.up.child import Child

_READY_SECONDS = 45.0


def run(args: argparse.Namespace, settings: Settings, sample: Path) -> int:
    """Returns the exit code once everything has ended. Raises StartError. sample: the city where none is named."""
    source = args.folder or sample
    city = before.city_toml(source)
    data = DataFolder((args.data or default(str(city.get("key", "city")))).expanduser().resolve())
    data.open_()
    try:
        survivors = data.end_survivors()
        before.check_port(args.host, args.port, "--port")
        if args.broker_port:
            before.check_port("127.0.0.1", args.broker_port, "--broker-port")
        folder = (source if args.folder else before.own_copy(source, data)).resolve()
        simulate = args.simulate and city.get("key") == before.city_toml(sample).get("key")
        wishes = Wishes(city=folder, host=args.host, port=args.port, broker=args.broker, broker_port=args.broker_port,
                        simulate=simulate, bridge=before.pulls(folder))  # fmt: skip
        screen = Screen()
        screen.title(before.city_name(city), folder, data.path)
        if survivors:
            screen.news(f"ended what a killed `ioc up` left behind: {', '.join(survivors)}")
        return _Run(Plan(wishes, data, settings), data, screen, backfill=args.backfill and simulate).run()
    finally:
        data.close()


class _Run:
    """One life of `ioc up`."""

    def __init__(self, plan: Plan, data: DataFolder, screen: Screen, *, backfill: bool) -> None:
        self._plan, self._data, self._screen = plan, data, screen
        self._keeper = Supervisor(data, screen.news)
        self._wants_backfill = backfill and data.read("backfill.json").get("state") != "done"

    def run(self) -> int:
        self._keeper.listen()
        try:
            self._start()
            self._keep()
        except Stopped:
            pass
        finally:
            self._stop()
        return 0

    def _start(self) -> None:
        with self._screen.step("city folder", "every file is sound"):
            _child_command(self._plan.check(), self._plan.settings.environment())
        for spec in self._plan.infrastructure():
            with self._screen.step(spec.name, spec.where):
                self._keeper.wait_ready(self._keeper.start(spec), 60, strict=True)
        with self._screen.step("schema", "the database is up to date"):
            if self._plan.postgres:
                self._plan.postgres.make_database()
            _child_command(self._plan.migrate(), self._plan.settings.environment())
        started = time.monotonic()
        specs = [*self._plan.services(), *self._plan.publishers()]
        children = [self._keeper.start(spec) for spec in specs]
        self._await(children, started)

    def _await(self, children: list[Child], started: float) -> None:
        """Show each as it gets ready; a slow or broken one does not keep the others from being used."""
        waiting = list(children)
        with self._screen.console.status("starting the parts ..."):
            while waiting and time.monotonic() - started < _READY_SECONDS:
                for child in [c for c in waiting if c.was_ready or c.spec.ready()]:
                    child.was_ready = True
                    waiting.remove(child)
                    self._screen.done(child.spec.name, child.spec.where, time.monotonic() - started)
                    if child.spec.name == "dashboards":
                        self._screen.address(self._plan.settings.base_url)
                self._keeper.turn(0.1)
        for child in waiting:
            self._screen.slow(child.spec.name, child.spec.log)

    def _keep(self) -> None:
        if not self._wants_backfill:
            self._keeper.keep()
        started, child = time.monotonic(), self._keeper.start(self._plan.backfill())
        while not child.done:
            progress = self._data.read("backfill.json")
            self._screen.history(int(progress.get("done", 0)), int(progress.get("total", 1)))
            self._keeper.turn(0.5)
        progress = self._data.read("backfill.json")
        self._screen.history_done(time.monotonic() - started, int(progress.get("readings", 0)))
        self._keeper.keep()

    def _stop(self) -> None:
        self._screen.pause()
        if self._keeper.children:
            with self._screen.step("stopping", "everything is kept; `ioc up` goes on from here"):
                self._keeper.stop()


def _child_command(command: list[str], environment: dict[str, str]) -> None:
    """Run one of our own commands to its end. Raises StartError with what it said."""
    done = subprocess.run(command, env=child_environment(environment), capture_output=True, text=True, check=False,
                          stdin=subprocess.DEVNULL, start_new_session=True)  # fmt: skip
    if done.returncode:
        raise StartError((done.stderr or done.stdout).strip().removeprefix("ioc: ") or f"{command[3]} failed")
