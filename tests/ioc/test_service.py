"""What every long-running part is given: a log, a health port, an orderly end."""

from __future__ import annotations

import os
import signal
import urllib.request
from pathlib import Path

import pytest

from ioc import service
from ioc.errors import StoreTooNew
from ioc.settings import Settings
from tests import services


@pytest.fixture(autouse=True)
def handlers():
    kept = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in kept.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_asks_the_part_to_stop_and_it_ends_well(number):
    seen = []

    def part(folder, _settings, stop, _health):
        os.kill(os.getpid(), number)
        seen.append((folder, stop.wait(5)))

    assert service.run("part", part, Path("city"), Settings()) == 0
    assert seen == [(Path("city"), True)]


def test_its_health_is_served_while_it_runs_and_not_after():
    port, seen = services.free_port(), []

    def part(_folder, _settings, _stop, health):
        health.ready(ok=True)
        seen.append(urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5).status)

    service.run("part", part, Path("city"), Settings(health_port=port))
    assert seen == [200]
    assert not services.answers(port)


def test_an_unexpected_error_is_logged_with_its_place_and_ends_the_process_badly(capsys):
    def part(*_):
        raise ZeroDivisionError("no sensors")

    assert service.run("part", part, Path("city"), Settings()) == 1
    said = capsys.readouterr().err
    assert "part.service: ended by an error" in said
    assert "ZeroDivisionError: no sensors" in said
    assert "test_service.py" in said


def test_an_error_of_ours_is_left_to_the_command_line():
    def part(*_):
        raise StoreTooNew

    with pytest.raises(StoreTooNew):
        service.run("part", part, Path("city"), Settings())
