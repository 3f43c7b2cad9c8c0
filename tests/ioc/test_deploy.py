"""The files for production are sound, and name only commands and settings that there are."""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from ioc import cli, deploy
from ioc.errors import StartError
from ioc.settings import SETTINGS, Settings
from tests import services

NAMES = {name for name, _, _ in SETTINGS}


@pytest.fixture
def compose(tmp_path):
    deploy.write("compose", tmp_path / "out")
    return tmp_path / "out"


@pytest.fixture
def systemd(tmp_path):
    deploy.write("systemd", tmp_path / "out")
    return tmp_path / "out"


def commands():
    action = next(a for a in cli.build()._actions if isinstance(a, argparse._SubParsersAction))
    return set(action.choices)


def settings_in(text):
    return {n.removesuffix("_FILE") for n in re.findall(r"\bIOC_[A-Z_]+\b", text)} - {"IOC_SOURCE"}


def test_every_setting_they_name_exists(compose, systemd):
    for file in [*compose.glob("compose.yaml"), *systemd.glob("*.service"), *systemd.glob("*.env")]:
        assert settings_in(file.read_text()) <= NAMES, file.name


def test_every_part_of_the_compose_file_is_a_command(compose):
    services_ = yaml.safe_load((compose / "compose.yaml").read_text())["services"]
    ours = {name: s for name, s in services_.items() if s["image"] == "ioc"}
    assert set(ours) == {"migrate", "ingest", "alerts", "dashboards", "bridge"}
    assert {s["command"][0] for s in ours.values()} <= commands()
    for name, service in services_.items():
        assert "healthcheck" in service, name
        assert service["restart"] == ("no" if name == "migrate" else "unless-stopped"), name


def test_the_secrets_of_the_compose_file_are_made_and_fit(compose):
    project = yaml.safe_load((compose / "compose.yaml").read_text())
    for name, secret in project["secrets"].items():
        assert (compose / secret["file"]).read_text().strip(), name
    environment = project["services"]["dashboards"]["environment"]
    given = {k: str(v) for k, v in environment.items() if "$" not in str(v)}
    given = {k: v.replace("/run/secrets", str(compose / "secrets")) for k, v in given.items()}
    settings = Settings.from_environment(given)
    password = (compose / "secrets" / "database_password").read_text()
    assert settings.database_url == f"postgresql://ioc:{password}@database:5432/ioc"
    assert (compose / "secrets").stat().st_mode & 0o077 == 0


def test_two_projects_share_no_secret(tmp_path):
    deploy.write("compose", tmp_path / "a")
    deploy.write("compose", tmp_path / "b")
    for name in ("database_password", "secret", "password", "broker_url"):
        assert (tmp_path / "a" / "secrets" / name).read_text() != (tmp_path / "b" / "secrets" / name).read_text()


def test_nothing_is_written_over(compose):
    (compose / "compose.yaml").write_text("mine")
    with pytest.raises(StartError, match=r"compose\.yaml"):
        deploy.write("compose", compose)
    assert (compose / "compose.yaml").read_text() == "mine"


@pytest.mark.mosquitto
def test_mosquitto_lets_in_who_has_the_secret_and_nobody_else(compose):
    import paho.mqtt.client as mqtt

    port = services.free_port()
    text = (compose / "mosquitto.conf").read_text().replace("listener 1883", f"listener {port} 127.0.0.1")
    text = text.replace("/mosquitto/config/passwd", str(compose / "mosquitto.passwd"))
    text = text.replace("/mosquitto/data/", f"{compose}/") + "user root\n"
    (compose / "test.conf").write_text(text)
    broker = subprocess.Popen([services.find("mosquitto"), "-c", str(compose / "test.conf")], stderr=subprocess.DEVNULL)
    try:
        services.wait_for(lambda: services.answers(port), "mosquitto listens")
        password = (compose / "secrets" / "broker_url").read_text().split(":")[2].split("@")[0]
        for word, accepted in ((password, True), ("wrong", False)):
            answers = []
            client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
            client.on_connect = lambda _c, _u, _f, reason, _p, answers=answers: answers.append(reason)
            client.username_pw_set("ioc", word)
            client.connect("127.0.0.1", port)
            client.loop_start()
            services.wait_for(lambda answers=answers: answers, "the broker answers")
            client.loop_stop()
            client.disconnect()
            assert (not answers[0].is_failure) == accepted
    finally:
        broker.terminate()
        broker.wait(10)


def test_every_unit_runs_a_command_that_there_is(systemd):
    units = list(systemd.glob("*.service"))
    assert len(units) == 5
    for unit in units:
        text = unit.read_text()
        command = re.search(r"^ExecStart=/opt/ioc/bin/ioc (\S+)", text, re.MULTILINE)[1]
        assert command in commands(), unit.name
        assert "NoNewPrivileges=true" in text
        assert "Restart=" in text


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed")
def test_systemd_accepts_the_units(systemd, tmp_path):
    for unit in systemd.glob("*.service"):  # the program is not installed where it will be
        unit.write_text(unit.read_text().replace("/opt/ioc/bin/ioc", "/bin/true"))
    (systemd / "postgresql.service").write_text("[Service]\nExecStart=/bin/true\n")
    units = sorted(str(f) for f in systemd.iterdir() if f.suffix in {".service", ".target"})
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *units], capture_output=True, text=True, check=False, timeout=60,
        env={"SYSTEMD_UNIT_PATH": f"{systemd}:", "PATH": "/usr/bin:/bin", "SYSTEMD_LOG_LEVEL": "warning"},
    )  # fmt: skip
    ours = [line for line in (done.stdout + done.stderr).splitlines() if "ioc" in line]
    assert ours == []


def test_the_readme_of_the_units_names_files_that_are_there(systemd):
    text = (systemd / "README.md").read_text()
    assert "example.env" in text
    assert (systemd / "example.env").exists()
    assert "ioc@my-city.target" in text
    assert Path(systemd / "ioc@.target").exists()
