"""Which children one city needs, how each is run, and how each says that it is ready."""

from __future__ import annotations

import secrets
import signal
import sys
import urllib.request
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ioc.access.brokers import PublisherError, fresh_password
from ioc.embedded.broker import Broker, Tls, choose, free_port, listens
from ioc.embedded.postgres import Postgres
from ioc.up.admission import Own, topics
from ioc.up.child import Spec

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ioc.settings import Settings
    from ioc.up.folder import DataFolder

_USUAL = {"broker": 1883, "broker_tls": 8883}  # ports that other programs expect, taken where they are free
INFRASTRUCTURE, SERVICES, PUBLISHERS = 0, 2, 4  # ranks: started in rising order, stopped in falling order


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What the command line asked for."""

    city: Path
    host: str
    port: int
    broker: str = "auto"
    broker_port: int = 0
    simulate: bool = True
    sample: Path | None = None  # the sample city as it came
    tls: bool = False  # screens and broker speak it, with certificates of a local authority


class Plan:
    """The children of one city on one data folder. What the environment already names is used and not started."""

    def __init__(self, wishes: Wishes, data: DataFolder, settings: Settings) -> None:
        self._wishes, self._data = wishes, data
        self._memory = data.read("machine.json")
        if not self._memory:  # a broker that is there already knows its sessions by the names without it
            self._remember("client", lambda: secrets.token_hex(8))
        self.postgres = None if settings.database_url else self._postgres()
        self._hosts = settings.hosts
        self.own: Own | None = None
        self.broker = None if settings.broker_url else self._broker(anybody=settings.auth == "open")
        self._smtp_port = 0 if settings.smtp_url else self._port("smtp")
        self.settings = replace(
            settings,
            database_url=self.postgres.url if self.postgres else settings.database_url,
            broker_url=self._broker_url("ioc") if self.broker else settings.broker_url,
            broker_ca=str(self._tls / "ca.pem") if self.broker and self.broker.tls else settings.broker_ca,
            smtp_url=settings.smtp_url or f"smtp://127.0.0.1:{self._smtp_port}",
            tls_cert=self._web_certificate(settings),
            base_url=settings.base_url or f"{self._web_scheme(settings)}://{reachable(wishes.host)}:{wishes.port}",
            secret=settings.secret or self._remember("secret", lambda: secrets.token_urlsafe(32)),
            password="",
            http_host=wishes.host,
            http_port=wishes.port,
        )
        self.first_password = settings.password  # of the first account; no part needs it
        data.write("machine.json", self._memory)
        (data.path / "machine.json").chmod(0o600)  # the database's password and the signing secret

    @property
    def city(self) -> Path:
        return self._wishes.city

    @property
    def authority(self) -> Path | None:
        """What others must trust, where certificates are made here."""
        made = self.settings.tls_cert == f"local:{self._tls}" or (
            self.broker is not None and self.broker.tls is not None
        )
        return self._tls / "ca.pem" if made else None

    def infrastructure(self) -> list[Spec]:
        """The database and the broker, where they are ours."""
        return [spec for spec in (self._database_spec(), self._broker_spec()) if spec]

    def services(self) -> list[Spec]:
        city = str(self._wishes.city)
        found = [self._part(name, [name, city]) for name in ("ingest", "dashboards", "alerts")]
        if self._smtp_port:
            arguments = ["mail-catcher", "--dir", str(self._data.mail), "--port", str(self._smtp_port)]
            found.append(self._part("mail", arguments, where=f"keeps every mail in {self._data.mail}"))
        return found

    def publishers(self) -> list[Spec]:
        return [self._publisher("simulate")] if self._wishes.simulate else []

    def bridge(self) -> Spec:
        """Polls the feeds that come by HTTP; wanted where there are any."""
        return self._publisher("bridge")

    def _publisher(self, name: str) -> Spec:
        """Each publishes as a user of its own, limited to the topics of the feeds it speaks for."""
        settings = self.settings
        if self.broker:
            settings = replace(settings, broker_url=self._broker_url(f"ioc-{name}"))
        return self._part(name, [name, str(self._wishes.city)], rank=PUBLISHERS, settings=settings)

    def backfill(self) -> Spec:
        """Two weeks of history, at low priority, once."""
        command = [
            "nice",
            "-n",
            "15",
            *_ioc("backfill", str(self._wishes.city), "--progress", str(self._data.path / "backfill.json")),
        ]
        return Spec(name="backfill", command=command, log=self._data.logs / "backfill.log", rank=PUBLISHERS,
                    environment=self.settings.environment(), once=True, stop_seconds=10)  # fmt: skip

    def migrate(self) -> list[str]:
        return _ioc("migrate")

    def check(self) -> list[str]:
        return _ioc("check", str(self._wishes.city), "--quiet")

    def _postgres(self) -> Postgres:
        password = self._remember("database_password", lambda: secrets.token_urlsafe(18))
        return Postgres(self._data.postgres, self._port("database"), password)

    def _broker(self, *, anybody: bool) -> Broker:
        """Only named users, unless it was asked that everybody may do everything here."""
        wishes, kind = self._wishes, choose(self._wishes.broker)
        port = wishes.broker_port or self._port("broker_tls" if wishes.tls else "broker")
        broker = Broker(kind, self._data.broker, port, users=None if anybody else ())
        if not anybody:
            self.own = Own.of(*(self._broker_password(name) for name in ("ioc", "ioc-simulate", "ioc-bridge")))
            if wishes.sample:
                shipped = tuple(topic for feed in topics(wishes.sample).values() for topic in feed.publish)
                self.own = self.own._replace(sample=shipped)
            with suppress(
                OSError, ValueError, PublisherError
            ):  # a folder with faults is refused a moment later, with all of them
                broker.users = tuple(self.own.users(topics(wishes.city)))
        if wishes.tls:
            self.renew_certificate()
            file = self._tls / "broker.pem"
            broker.tls = Tls(file, file, wishes.host)
        return broker

    def _broker_password(self, user: str) -> str:
        return self._remember(f"{user.replace('-', '_')}_broker_password", fresh_password)

    def _broker_url(self, user: str) -> str:
        """client: what the ingester's session is called; nobody else can guess it, and so take it over."""
        assert self.broker is not None
        url, mark = self.broker.url, self._memory.get("client", "")
        if self.broker.users is not None:
            url = url.replace("://", f"://{user}:{self._broker_password(user)}@")
        return url + (f"?client={mark}" if mark and user == "ioc" else "")

    @property
    def _tls(self) -> Path:
        return self._data.path / "tls"

    def renew_certificate(self) -> bool:
        """See that the broker has a certificate for a good while; whether it is a new one."""
        from ioc.access import pki

        file = self._tls / "broker.pem"
        before = file.read_bytes() if file.exists() else b""
        pki.keep(self._tls, "broker", pki.own_names(self._wishes.host, self._hosts), datetime.now(UTC))
        return file.read_bytes() != before

    def _web_certificate(self, settings: Settings) -> str:
        wanted = settings.tls_cert or ("local" if self._wishes.tls else "")
        return f"local:{self._tls}" if wanted == "local" else wanted

    def _web_scheme(self, settings: Settings) -> str:
        return "https" if self._web_certificate(settings) else "http"

    def _database_spec(self) -> Spec | None:
        if self.postgres is None:
            return None
        return Spec(name="database", command=[], log=self._data.logs / "database.log", rank=INFRASTRUCTURE,
                    build=self.postgres.command, prepare=self.postgres.prepare, ready=self.postgres.answers,
                    stop_signal=signal.SIGINT, stop_seconds=40,
                    where=f"PostgreSQL on 127.0.0.1:{self.postgres.port}")  # fmt: skip

    def _broker_spec(self) -> Spec | None:
        if self.broker is None:
            return None
        port = self.broker.port
        return Spec(name="broker", command=[], log=self._data.logs / "broker.log", rank=INFRASTRUCTURE + 1,
                    build=self.broker.command, ready=lambda: listens(port),
                    where=f"{self.broker.kind} on {self.broker.host}:{port}")  # fmt: skip

    def _part(
        self,
        name: str,
        arguments: list[str],
        *,
        rank: int = SERVICES,
        where: str = "",
        settings: Settings | None = None,
    ) -> Spec:
        port = free_port()
        settings = replace(settings or self.settings, health_host="127.0.0.1", health_port=port)
        return Spec(name=name, command=_ioc(*arguments), log=self._data.logs / f"{name}.log", rank=rank, where=where,
                    environment=settings.environment(), ready=lambda: says(port, "readyz"),
                    alive=lambda: says(port, "healthz"))  # fmt: skip

    def _port(self, name: str) -> int:
        """The usual port, or the one of last time, where it is free: so that other programs find it again."""
        known = self._memory.get(f"{name}_port", _USUAL.get(name))
        if not isinstance(known, int) or listens(known):
            known = free_port()
        self._memory[f"{name}_port"] = known
        return int(self._memory[f"{name}_port"])

    def _remember(self, name: str, make: Callable[[], str]) -> str:
        return str(self._memory.setdefault(name, make()))


def reachable(host: str) -> str:
    """The name to open in a browser on this machine for an address that is listened on."""
    return {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104


def says(port: int, path: str) -> bool:
    """Whether a child's health port answers 200."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/{path}", timeout=3) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def _ioc(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "ioc", *arguments]
