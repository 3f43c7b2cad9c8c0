"""The real `ioc up` on the sample city: it comes to life, survives what happens to it, and leaves nothing behind."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from email import message_from_bytes, policy
from urllib.parse import urlsplit

import psutil
import psycopg
import pytest

from ioc.processes import lives
from tests import services


class Up:
    """One run of `ioc up` on a data folder."""

    def __init__(self, folder, port):
        self.folder, self.port = folder, port
        self.process = None
        self.browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())

    def start(self):
        command = [sys.executable, "-m", "ioc", "up", "--data", str(self.folder), "--port", str(self.port)]
        self.output = self.folder.parent / "up.log"
        environment = {k: v for k, v in os.environ.items() if not k.startswith("IOC_")}
        environment["XDG_DATA_HOME"] = str(self.folder.parent / "home")
        with self.output.open("ab") as out:
            self.process = subprocess.Popen([*command, "--no-backfill"], stdout=out, stderr=out, stdin=subprocess.DEVNULL,
                                            start_new_session=True, env=environment)  # fmt: skip

    def says(self):
        return self.output.read_text() if self.output.exists() else ""

    def wait(self, condition, what, seconds=120.0):
        def met():
            assert self.process.poll() is None, f"ioc up ended:\n{self.says()}"
            return condition()

        try:
            return services.wait_for(met, what, seconds, every=0.1)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.says()}") from None

    def number(self, query):
        """One number from its database; 0 while it is away or not there yet."""
        try:
            known = json.loads((self.folder / "machine.json").read_text())
            url = f"postgresql://ioc:{known['database_password']}@127.0.0.1:{known['database_port']}/ioc"
            with psycopg.connect(url, connect_timeout=2, autocommit=True) as conn:
                return conn.execute(query).fetchone()[0]
        except (OSError, KeyError, ValueError, psycopg.Error):
            return 0

    def enter(self):
        """Through the link that is printed: once."""
        link = self.wait(
            lambda: re.findall(r"Open (http://127.0.0.1:\S+/first/\S+)", self.says()), "a link is printed"
        )[-1]
        request = urllib.request.Request(link, data=b"", headers={"Origin": f"http://127.0.0.1:{self.port}"})
        with self.browser.open(request, timeout=20) as answer:
            assert answer.url.endswith("/account/first")

    def page(self, path):
        """The status of a page, of this page: not of the log-in."""
        try:
            with self.browser.open(f"http://127.0.0.1:{self.port}{path}", timeout=5) as answer:
                return answer.status if urlsplit(answer.url).path == path else 0
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            return 0

    def mails(self):
        found = [
            message_from_bytes(f.read_bytes(), policy=policy.default) for f in (self.folder / "mail").glob("*.eml")
        ]
        return [mail for mail in found if mail["Subject"]]

    def children(self):
        """Name -> process of every child."""
        try:
            noted = json.loads((self.folder / "processes.json").read_text())
        except (OSError, ValueError):
            return {}
        return {name: psutil.Process(pid) for name, (pid, _) in noted.items() if psutil.pid_exists(pid)}

    def everything(self):
        """Every process that has anything to do with the folder, also children of children."""
        tree = [*psutil.Process(self.process.pid).children(recursive=True)] if self.process.poll() is None else []
        return tree + [p for p in psutil.process_iter() if str(self.folder) in " ".join(_command(p))]

    def end(self, number):
        family = self.everything()
        self.process.send_signal(number)
        assert self.process.wait(60) == 0, self.says()
        assert [p for p in family if lives(p)] == []


def _command(process):
    try:
        return process.cmdline()
    except psutil.Error:
        return []


@pytest.fixture
def up(tmp_path):
    found = Up(tmp_path / "data", services.free_port())
    found.start()
    yield found
    if found.process.poll() is None:
        family = found.everything()
        found.process.kill()
        found.process.wait(10)
        for process in family:
            if lives(process):
                process.kill()


@pytest.mark.timeout(600)
def test_a_city_comes_to_life_survives_and_is_kept(up):
    the_first_readings_are_on_the_map(up)
    nothing_is_quarantined_that_was_not_meant_to_be(up)
    every_child_killed_with_9_comes_back(up)
    a_rule_goes_wrong_and_a_mail_is_caught(up)
    kept = up.number("SELECT count(*) FROM reading")
    mails = len(up.mails())
    another_terminal_sees_it(up)
    up.end(signal.SIGINT)
    assert "Traceback" not in up.says()
    up.start()
    up.wait(lambda: up.number("SELECT count(*) FROM reading") >= kept, "all readings are there again")
    up.wait(lambda: up.number(f"SELECT count(*) > {kept} FROM reading"), "new readings come in")
    assert len(up.mails()) >= mails
    up.end(signal.SIGTERM)


def another_terminal_sees_it(up):
    environment = {**os.environ, "XDG_DATA_HOME": str(up.folder.parent / "home")}
    command = [sys.executable, "-m", "ioc", "status", "--json"]
    told = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert f"using the `ioc up` that runs on {up.folder}" in told.stderr
    assert json.loads(told.stdout), told.stderr


def the_first_readings_are_on_the_map(up):
    up.wait(lambda: up.number("SELECT count(*) FROM latest") > 100, "readings arrive")
    up.wait(lambda: up.says().count("/first/"), "a link is printed")
    assert up.page("/") == 0
    up.enter()
    up.wait(lambda: up.page("/wall") == 200 and up.page("/alarms") == 200, "the pages answer")
    up.wait(lambda: up.number("SELECT count(*) FROM latest") > 1500, "1,500 series speak")


def nothing_is_quarantined_that_was_not_meant_to_be(up):
    assert up.number("SELECT count(*) FROM ledger WHERE received <> stored + duplicate + quarantined + ignored") == 0
    share = "SELECT coalesce(sum(quarantined), 0) * 100 / greatest(sum(received), 1) FROM ledger"
    assert up.number(share) < 5


def kill_and_wait(up, name):
    old = up.wait(lambda: up.children().get(name), f"{name} runs").pid
    os.kill(old, signal.SIGKILL)
    up.wait(lambda: name in up.children() and up.children()[name].pid != old, f"{name} is back")


def every_child_killed_with_9_comes_back(up):
    wanted = {"database", "broker", "ingest", "alerts", "dashboards", "mail", "simulate"}
    up.wait(lambda: set(up.children()) == wanted, f"all of {sorted(wanted)} run")
    for name in ("ingest", "dashboards", "alerts", "broker", "database"):
        kill_and_wait(up, name)
    now = up.wait(lambda: up.number("SELECT now()"), "the database answers")
    newer = f"SELECT count(*) FROM latest WHERE received_at > '{now}'"
    up.wait(lambda: up.number(newer) > 100, "readings arrive again after all that")
    up.wait(lambda: up.page("/wall") == 200, "the wall answers again, and nobody was logged out")


def a_rule_goes_wrong_and_a_mail_is_caught(up):
    up.wait(lambda: up.number("SELECT count(*) FROM alarm"), "a rule goes wrong")
    [mail, *_] = up.wait(up.mails, "a mail is caught")
    assert mail["Message-ID"]
    assert mail.get_body(("plain",)) is not None
    assert mail.get_body(("html",)) is not None
