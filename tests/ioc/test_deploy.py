"""The files for production are sound, and name only commands and settings that there are."""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest
import yaml

from ioc import cli, deploy
from ioc.access.brokers import hashed
from ioc.access.door import refuse_open_door
from ioc.access.holder import Who
from ioc.doctor.case import Case
from ioc.errors import StartError
from ioc.settings import SETTINGS, Settings
from ioc.store import publishers
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
    for file in [compose / "compose.yaml", compose / ".env", *systemd.glob("*.service"), *systemd.glob("*.env")]:
        assert settings_in(file.read_text()) <= NAMES, file.name


ONCE = {"migrate", "certificates-broker", "certificates-database"}


def services_of(compose):
    return yaml.safe_load((compose / "compose.yaml").read_text())["services"]


def test_every_part_of_the_compose_file_is_a_command(compose):
    found = services_of(compose)
    ours = {name: s for name, s in found.items() if s["image"] == "ioc"}
    assert set(ours) == {"ingest", "alerts", "dashboards", "bridge", "publishers", *ONCE}
    for name, service in ours.items():
        words = [re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", word) for word in service["command"]]
        arguments = cli.build().parse_args(words)
        assert callable(arguments.handler), name
        assert service["read_only"], name
        assert service["cap_drop"] == ["ALL"], name
    for name, service in found.items():
        assert "healthcheck" in service, name
        assert service["restart"] == ("no" if name in ONCE else "unless-stopped"), name


def test_a_part_gets_the_secrets_it_needs_and_no_other(compose):
    """Each _FILE of its environment is a secret of its own, and each secret is one."""
    wanted = {
        "migrate": {"database_url"},
        "publishers": {"database_url", "broker_url"},
        "ingest": {"database_url", "broker_url"},
        "alerts": {"database_url", "smtp_url", "secret"},
        "dashboards": {"database_url", "broker_url", "secret", "password"},
        "bridge": {"database_url", "broker_url"},
    }
    for name, service in services_of(compose).items():
        if service["image"] == "ioc" and name not in ONCE - {"migrate"}:
            environment = service["environment"]
            named = {Path(v).name for k, v in environment.items() if k.endswith("_FILE")}
            assert named == set(service["secrets"]) == wanted[name], name


def test_volumes_are_read_by_whom_they_are_not_written(compose):
    """Certificates and users of the broker come from one service each; a key never lies where two can write."""
    writers = {}
    for name, service in services_of(compose).items():
        for volume in service.get("volumes", []):
            source, _, rest = volume.partition(":")
            if not rest.endswith(":ro") and not source.startswith("."):
                writers.setdefault(source, []).append(name)
    assert writers == {
        "database-tls": ["certificates-database"], "broker-tls": ["certificates-broker"], "database": ["database"],
        "broker-users": ["publishers"], "broker": ["broker"], "screens-tls": ["dashboards"],
    }  # fmt: skip


def test_the_secrets_of_the_compose_file_are_made_and_fit(compose):
    project = yaml.safe_load((compose / "compose.yaml").read_text())
    for name, secret in project["secrets"].items():
        assert (compose / secret["file"]).read_text().strip(), name
    for part in ("ingest", "alerts", "dashboards"):
        environment = project["services"][part]["environment"]
        given = {k: str(v) for k, v in environment.items() if "$" not in str(v)}
        given = {k: v.replace("/run/secrets", str(compose / "secrets")) for k, v in given.items()}
        settings = Settings.from_environment(given)
        password = (compose / "secrets" / "database_password").read_text()
        assert settings.database_url.startswith(f"postgresql://ioc:{password}@database:5432/ioc?sslmode=verify-full")
    assert (compose / "secrets").stat().st_mode & 0o077 == 0


def test_the_doctor_finds_nothing_weak_in_what_is_shipped(compose, systemd):
    """What compose and the example of systemd set, with the secrets that were made."""
    from ioc.doctor import database
    from ioc.doctor import settings as room

    def settings(environment):
        given = {k: re.sub(r"\$\{\w+:?-([^}]*)\}", r"\1", str(v)) for k, v in environment.items()}
        return Settings.from_environment(
            {k: v.replace("/run/secrets", str(compose / "secrets")) for k, v in given.items()}
        )

    dashboards, alerts = (settings(services_of(compose)[name]["environment"]) for name in ("dashboards", "alerts"))
    lines = (
        line.partition("=") for line in (systemd / "example.env").read_text().splitlines() if line and line[0] != "#"
    )
    example = Settings.from_environment({name: value for name, _, value in lines})
    for one in (dashboards, alerts):
        checks = [*room.CHECKS, database.way]
        found = [f.about for check in checks for f in check(Case(settings=one, now=datetime.now(UTC)))]
        assert set(found) <= {"settings.password_left", "settings.breached"}
    assert refuse_open_door(dashboards) is None
    assert refuse_open_door(example) is None
    assert (example.http_host, example.proxy) == ("127.0.0.1", "127.0.0.1")


def test_nothing_is_published_in_plain_nor_more_than_it_must(compose):
    ports = {name: s["ports"] for name, s in services_of(compose).items() if "ports" in s}
    assert ports == {
        "broker": ["${BROKER_AT:-0.0.0.0:8883}:8883"],
        "dashboards": ["${SCREENS_AT:-127.0.0.1:8050}:8050"],
    }
    assert services_of(compose)["dashboards"]["environment"]["IOC_TLS_CERT"] == "${IOC_TLS_CERT-local:/screens/tls}"
    listeners = re.findall(r"^listener .*", (compose / "mosquitto.conf").read_text(), re.MULTILINE)
    assert listeners == ["listener 8883"]
    inside = yaml.safe_load((compose / "compose.yaml").read_text())["networks"]["inside"]
    assert inside["internal"]
    assert services_of(compose)["database"]["networks"] == ["inside"]


def test_what_is_installed_is_what_was_locked(compose, systemd):
    lock = (files("ioc.deploy") / "requirements.lock").read_bytes()
    for folder, file in ((compose, "Dockerfile"), (systemd, "README.md")):
        assert (folder / "requirements.lock").read_bytes() == lock
        installs = [line for line in (folder / file).read_text().splitlines() if "pip install" in line]
        assert len(installs) == 2
        assert all("--require-hashes -r" in line or "--no-deps --no-build-isolation" in line for line in installs)


def test_two_projects_share_no_secret(tmp_path):
    deploy.write("compose", tmp_path / "a")
    deploy.write("compose", tmp_path / "b")
    for name in ("database_password", "superuser_password", "secret", "password", "broker_url"):
        assert (tmp_path / "a" / "secrets" / name).read_text() != (tmp_path / "b" / "secrets" / name).read_text()


def test_nothing_is_written_over(compose):
    (compose / "compose.yaml").write_text("mine")
    with pytest.raises(StartError, match=r"compose\.yaml"):
        deploy.write("compose", compose)
    assert (compose / "compose.yaml").read_text() == "mine"


@pytest.fixture
def broker(compose, database_url, conn, monkeypatch):
    """The shipped mosquitto.conf, run by the shipped script, with users and certificate as the compose project makes them.

    Yields (port, folder of users and certificates, what publishes as somebody).
    """
    folder, port = compose / "broker", services.free_port()
    monkeypatch.setenv("IOC_DATABASE_URL", database_url)
    monkeypatch.setenv("IOC_BROKER_URL", (compose / "secrets" / "broker_url").read_text())
    certificates = services_of(compose)["certificates-broker"]["command"][:-4]
    words = [re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", word) for word in certificates]
    assert cli.main([*words, "--data", str(folder), "--to", str(folder / "tls")]) == 0
    city = compose / "city"
    city.mkdir()
    write = ["publishers", "write", str(city), "--broker", "mosquitto", "--to", str(folder / "users")]
    assert cli.main(write) == 0
    text = (compose / "mosquitto.conf").read_text().replace("listener 8883", f"listener {port} 127.0.0.1")
    text = text.replace("/broker/", f"{folder}/").replace("/mosquitto/data/", f"{compose}/") + "user root\n"
    (compose / "test.conf").write_text(text)
    path = f"{Path(services.find('mosquitto')).parent}:/usr/bin:/bin"
    script = subprocess.Popen(["sh", str(compose / "mosquitto.sh"), str(compose / "test.conf"), str(folder), "0.1"],
                              stderr=subprocess.DEVNULL, env={"PATH": path})  # fmt: skip
    services.wait_for(lambda: services.answers(port), "mosquitto listens")

    def lets_in(name, word):
        answers = []
        client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
        client.on_connect = lambda _c, _u, _f, reason, _p: answers.append(reason)
        client.tls_set(str(folder / "tls" / "ca.pem"))
        client.username_pw_set(name, word)
        client.connect("localhost", port)
        client.loop_start()
        services.wait_for(lambda: answers, "the broker answers")
        client.loop_stop()
        client.disconnect()
        return not answers[0].is_failure

    yield lets_in, write
    script.terminate()
    assert script.wait(10) is not None
    services.wait_for(lambda: not services.answers(port), "mosquitto ends with the script")


@pytest.mark.mosquitto
def test_mosquitto_lets_in_who_has_the_secret_over_tls_and_nobody_else(compose, broker, conn):
    lets_in, write = broker
    password = (compose / "secrets" / "broker_url").read_text().split(":")[2].split("@")[0]
    assert lets_in("ioc", password)
    assert not lets_in("ioc", "wrong")
    assert not lets_in("vendor", "word")
    publishers.add(conn, Who("lan", address="terminal"), "vendor", hashed("word"), topics=["vendor/#"])
    assert cli.main(write) == 0
    services.wait_for(lambda: lets_in("vendor", "word"), "a running broker reads its users again")


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
    assert "ioc doctor" in text
    assert Path(systemd / "ioc@.target").exists()
