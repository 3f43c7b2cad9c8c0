"""`ioc up`: checks, then starts one city's children, keeps them and stops them."""

from __future__ import annotations

import subprocess
import time
from typing import TYPE_CHECKING

from ioc.errors import StartError
from ioc.settings import child_environment
from ioc.up import before, entry
from ioc.up.admission import Admission
from ioc.up.borrow import offered
from ioc.up.folder import DataFolder, default
from ioc.up.plan import Plan, Wishes
from ioc.up.screen import Screen
from ioc.up.supervisor import TICK, Stopped, Supervisor
from ioc.watch import Watch

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

    from ioc.settings import Settings
    from ioc.up.child import Child, Spec

_LOOK = 2.0  # seconds between looks at the city folder
_SLOW = 45.0  # seconds after which a part that is not ready is named


def run(args: argparse.Namespace, settings: Settings, sample: Path) -> int:
    """Returns the exit code once everything has ended. Raises StartError. sample: the city where none is named."""
    source = args.folder or sample
    city = before.city_toml(source)
    before.check_door(args.host, settings, tls=args.tls)
    data = DataFolder((args.data or default(str(city.get("key", "city")))).expanduser().resolve())
    data.open_()
    try:
        survivors = data.end_survivors()
        before.check_port(args.host, args.port, "--port")
        if args.broker_port:
            before.check_port(args.host if args.tls else "127.0.0.1", args.broker_port, "--broker-port")
        folder = (source if args.folder else before.own_copy(source, data)).resolve()
        simulate = args.simulate and city.get("key") == before.city_toml(sample).get("key")
        wishes = Wishes(city=folder, host=args.host, port=args.port, broker=args.broker, broker_port=args.broker_port,
                        simulate=simulate, sample=sample if simulate else None, tls=args.tls)  # fmt: skip
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
        self._waiting: list[Child] = []  # started, and not yet ready
        self._publishers: list[Spec] = []  # not yet started
        self._began: dict[str, float] = {}  # when each part was first waited for
        self._folder, self._bridged = Watch(plan.city), before.pulls(plan.city)
        self._next_look = 0.0
        self._admission: Admission | None = None
        self._history: Child | None = None
        self._history_began = 0.0
        self._wants_history = backfill and data.read("backfill.json").get("state") != "done"

    def run(self) -> int:
        self._keeper.listen()
        try:
            with offered(self._data, self._plan.settings):
                self._start()
                while True:
                    self._keeper.turn(TICK)
                    self._announce()
                    self._start_publishers()
                    self._follow_history()
                    self._follow_folder()
        except Stopped:
            return 0
        finally:
            self._stop()

    def _start(self) -> None:
        """Everything up to the parts themselves, step by step. Raises StartError."""
        with self._screen.step("city folder", "every file is sound"):
            _child_command(self._plan.check(), self._plan.settings.environment())
        for spec in self._plan.infrastructure():
            with self._screen.step(spec.name, spec.where):
                self._keeper.wait_ready(self._keeper.start(spec), 60, strict=True)
        if self._plan.authority:
            self._screen.done("certificate", f"believed by who trusts {self._plan.authority}: `ioc certificates ca`", 0)
        with self._screen.step("schema", "the database is up to date"):
            if self._plan.postgres:
                self._plan.postgres.make_database()
            _child_command(self._plan.migrate(), self._plan.settings.environment())
            entry.first_account(self._plan.settings, self._plan.first_password)
        self._admit()
        self._waiting = [self._keeper.start(spec) for spec in self._plan.services()]
        self._publishers = [*self._plan.publishers(), *([self._plan.bridge()] if self._bridged else [])]

    def _admit(self) -> None:
        """From now on the broker's users follow the database and the folder."""
        plan = self._plan
        if plan.broker and plan.own:
            renew = plan.renew_certificate if plan.broker.tls else lambda: False
            self._admission = Admission(plan.broker, plan.own, plan.city, plan.settings.database_url,
                                        lambda: self._keeper.pid("broker"), renew)  # fmt: skip
            self._admission.start()

    def _announce(self) -> None:
        """Show each part as it gets ready; a slow or broken one does not keep the others from being used."""
        for child in list(self._waiting):
            seconds = time.monotonic() - self._began.setdefault(child.spec.name, time.monotonic())
            if child.was_ready or child.spec.ready():
                self._screen.done(child.spec.name, child.spec.where, seconds)
                if child.spec.name == "dashboards":
                    self._screen.address(self._plan.settings.base_url, entry.link(self._plan.settings))
            elif seconds > _SLOW:
                self._screen.slow(child.spec.name, child.spec.log)
            else:
                continue
            child.was_ready = True  # from now on it is only tended
            self._waiting.remove(child)

    def _start_publishers(self) -> None:
        """Once the ingester listens, or is too slow to wait for: a message nobody has subscribed to is lost."""
        if self._publishers and "ingest" not in {c.spec.name for c in self._waiting}:
            self._waiting += [self._keeper.start(spec) for spec in self._publishers]
            self._publishers = []

    def _follow_history(self) -> None:
        """Start the history once the live parts stand, and show how far it is."""
        if not self._wants_history or {"ingest", "dashboards"} & {c.spec.name for c in self._waiting}:
            return
        if self._history is None:
            self._history, self._history_began = self._keeper.start(self._plan.backfill()), time.monotonic()
        progress = self._data.read("backfill.json")
        if not self._history.done:
            self._screen.history(int(progress.get("done", 0)), int(progress.get("total", 1)))
            return
        self._wants_history = False
        self._screen.history_done(time.monotonic() - self._history_began, int(progress.get("readings", 0)))

    def _follow_folder(self) -> None:
        """Start the bridge once a feed of the folder is pulled over HTTP; the parts follow the folder themselves."""
        if self._bridged or time.monotonic() < self._next_look:
            return
        self._next_look = time.monotonic() + _LOOK
        if self._folder.changed() and before.pulls(self._plan.city):
            self._bridged = True
            self._waiting.append(self._keeper.start(self._plan.bridge()))

    def _stop(self) -> None:
        self._screen.pause()
        if self._admission:
            self._admission.close()
        if self._keeper.children:
            kept = "everything is kept; `ioc up` goes on from here" if self._data.exists() else "the data is gone"
            with self._screen.step("stopping", kept):
                self._keeper.stop()


def _child_command(command: list[str], environment: dict[str, str]) -> None:
    """Run one of our own commands to its end. Raises StartError with what it said."""
    done = subprocess.run(command, env=child_environment(environment), capture_output=True, text=True, check=False,
                          stdin=subprocess.DEVNULL, start_new_session=True)  # fmt: skip
    if done.returncode:
        raise StartError((done.stderr or done.stdout).strip().removeprefix("ioc: ") or f"{command[3]} failed")
