"""One browser and one seeded city for all tests of screens; servers of their own, started and stopped by their id."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from pathlib import Path

import psycopg
import pytest

from ioc.store import database
from tests import services
from tests.dashboards import seed

ROOT = Path(__file__).parents[2]
FLAGS = ["--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]

# Maps are drawn in software here: with a sixteenth of the pixels, of the same place and size on the page.
COARSE = "Object.defineProperty(window, 'devicePixelRatio', {get: () => 0.25, configurable: true});"


class Screens:
    """The dashboards as a process on a port of their own."""

    def __init__(self, database_url: str, log: Path, city: Path = seed.CITY, **settings: str) -> None:
        self.city = city
        self.port, self.log, self.settings = (
            services.free_port(),
            log,
            {"IOC_DATABASE_URL": database_url, "IOC_AUTH": "open", **settings},
        )
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> Screens:
        env = (
            {k: v for k, v in os.environ.items() if not k.startswith("IOC_")}
            | self.settings
            | {"IOC_HTTP_PORT": str(self.port)}
        )
        with self.log.open("ab") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "ioc", "dashboards", str(self.city)], env=env, cwd=ROOT, stdout=out, stderr=out
            )
        services.wait_for(self._ready, "the screens are ready", 60, 0.1)
        return self

    def _ready(self) -> bool:
        """Not to be waited for where it cannot come any more."""
        assert self.process is not None
        assert self.process.poll() is None, self.log.read_text()[-2000:]
        return self.get("/readyz")[0] == 200

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait(10)

    def stop(self) -> None:
        assert self.process is not None
        self.process.terminate()
        self.process.wait(15)

    def get(self, path: str, *, data: bytes | None = None, **headers: str):
        """(status, headers, body), redirects not followed; status 0 while nobody answers."""
        request = urllib.request.Request(
            self.url + path, data=data, headers={k.replace("_", "-"): v for k, v in headers.items()}
        )
        try:
            with urllib.request.build_opener(Stay).open(request, timeout=10) as answer:
                return answer.status, answer.headers, answer.read()
        except urllib.error.HTTPError as answer:
            return answer.code, answer.headers, answer.read()
        except OSError:
            return 0, {}, b""


class Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


@pytest.fixture(scope="session")
def city_url(postgres):
    """A database of the sample city with a few hours of data, shared by all tests of screens."""
    name = f"screens_{uuid.uuid4().hex[:8]}"
    admin = postgres.url[: -len("/ioc")] + "/postgres"
    with psycopg.connect(admin, autocommit=True) as conn:
        conn.execute(f"CREATE DATABASE {name} TEMPLATE ioc")
    url = postgres.url[: -len("/ioc")] + f"/{name}"
    with database.connect(url, autocommit=True) as conn:
        seed.city(conn, hours=4)
    yield url
    with psycopg.connect(admin, autocommit=True) as conn:
        conn.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


@pytest.fixture
def store(city_url):
    with database.connect(city_url, autocommit=True) as conn:
        yield conn


@pytest.fixture(scope="session")
def screens(city_url, tmp_path_factory):
    served = Screens(city_url, tmp_path_factory.mktemp("screens") / "log").start()
    yield served
    served.stop()


@pytest.fixture(scope="session")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        found = playwright.chromium.launch(
            executable_path=services.find("chromium", "chromium-browser", "google-chrome"), args=FLAGS
        )
        yield found
        found.close()


class Window:
    """A browser page that keeps what must never happen: console errors, requests to elsewhere.

    All share one context, so that scripts are loaded and compiled once; what a person leaves behind is wiped.
    """

    def __init__(self, browser, served: Screens, width=1280, height=800, context=None) -> None:
        self.served, self.faults = served, []
        if context is None and not browser.contexts:
            browser.new_context(locale="en-US", timezone_id="America/New_York")
        self.context = context or browser.contexts[0]
        self.page = self.context.new_page()
        self.page.add_init_script(COARSE)
        self.page.set_default_timeout(60_000)
        self.page.set_viewport_size({"width": width, "height": height})
        self.page.on(
            "console", lambda m: self.faults.append(f"console {m.type}: {m.text}") if m.type == "error" else None
        )
        self.page.on("pageerror", lambda e: self.faults.append(f"error: {e}"))
        self.page.on("request", self._request)

    def _request(self, request) -> None:
        if not request.url.startswith((self.served.url, f"ws://127.0.0.1:{self.served.port}", "blob:", "data:")):
            self.faults.append(f"request to elsewhere: {request.url}")

    def open(self, path: str, until: str = "IOC.live.painted > 0"):
        self.page.goto(self.served.url + path, wait_until="domcontentloaded")
        self.until(until)
        return self.page

    def until(self, script: str, seconds: float = 60.0):
        """Polled from outside: the pages' own policy forbids evaluating strings inside."""
        return services.wait_for(
            lambda: self._true(script), f"{script} on {self.page.url}; faults: {self.faults}", seconds, 0.05
        )

    def _true(self, script: str) -> bool:
        from playwright.sync_api import Error

        try:
            return bool(self.page.evaluate(f"!!({script})"))
        except Error as error:
            if (
                "context was destroyed" in str(error)
                or "undefined" in str(error)
                or "null" in str(error)
                or "not defined" in str(error)
            ):
                return False  # between two pages, or before our scripts ran
            raise

    def close(self) -> None:
        if self.page.url.startswith("http"):
            self.page.evaluate("localStorage.clear()")
        self.page.close()
        self.context.clear_cookies()


@pytest.fixture
def window(browser, screens):
    """A page whose faults fail the test."""
    found = Window(browser, screens)
    yield found
    found.close()
    assert found.faults == []


@pytest.fixture
def touch(store):
    """Give a sensor's first series a value now: touch(key, value)."""

    def give(key: str, value: float) -> None:
        series = store.execute(
            "SELECT se.id FROM series se JOIN sensor s ON s.id = se.sensor_id WHERE s.key = %s ORDER BY se.id LIMIT 1",
            [key],
        ).fetchone()[0]
        seed.put(store, [(series, time.time(), value)])

    return give
