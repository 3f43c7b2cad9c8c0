"""What of this machine answers under an address that others can reach, and whether it speaks TLS there.

It is tried, not read from a configuration: a firewall, a container or a second server count as they are.
"""

from __future__ import annotations

import socket
import ssl
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from ioc.doctor.case import Finding, Level, everywhere, loopback, note, weak
from ioc.doctor.handshake import speaks_tls
from ioc.settings import address

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from ioc.doctor.case import Case

_PATIENCE = 1.0  # seconds for one of our own addresses
_PORTS = {
    "postgresql": 5432,
    "postgres": 5432,
    "mqtt": 1883,
    "mqtts": 8883,
    "smtp": 25,
    "smtps": 465,
    "smtp+starttls": 587,
}


class Place(NamedTuple):
    """Something that should listen. kind: how it is spoken to (web, health, mqtt, postgresql, smtp, part)."""

    name: str
    kind: str
    host: str
    port: int


class Open(NamedTuple):
    """It answers there."""

    place: Place
    address: str
    tls: bool


_SAID = {
    "web": (
        Level.SERIOUS,
        "the screens",
        "IOC_HTTP_HOST=127.0.0.1 behind a TLS proxy, or IOC_TLS_CERT and IOC_TLS_KEY",
    ),
    "health": (
        Level.WEAK,
        "health and metrics",
        "IOC_HEALTH_HOST=127.0.0.1, or let a firewall pass only your monitoring",
    ),
    "mqtt": (Level.SERIOUS, "the broker", "a TLS listener on 8883 for devices, the plain one on 127.0.0.1 only"),
    "postgresql": (
        Level.SERIOUS,
        "the database",
        "listen_addresses = 'localhost', or hostssl lines only in pg_hba.conf",
    ),
    "smtp": (Level.WEAK, "the mail server", "let it listen on 127.0.0.1 only, or speak STARTTLS"),
    "part": (Level.WEAK, "a part", "let it listen on 127.0.0.1, or a firewall stand before it"),
}


def listening(case: Case) -> Iterator[Finding]:
    """Our own services under our own outside addresses."""
    if case.outside:
        places = {place.port: place for place in (*_held(case.pids), *places_of(case))}
        yield from judge(reached(places.values(), case.outside), proxied=bool(case.settings.proxy))


def judge(found: Iterable[Open], *, proxied: bool) -> Iterator[Finding]:
    """Each place once, with all the addresses it answers at."""
    by_place: dict[Place, list[Open]] = {}
    for one in found:
        by_place.setdefault(one.place, []).append(one)
    for place, where in by_place.items():
        level, name, remedy = _SAID[place.kind]
        name = place.name if place.kind == "part" else name
        at = ", ".join(one.address for one in where) + f" port {place.port}"
        if all(one.tls for one in where):
            if place.kind in {"postgresql", "health", "part"}:
                yield note(
                    f"reach.{place.kind}_tls",
                    f"{name} can be reached from outside with TLS: {at}",
                    "let a firewall pass only who needs it",
                )
        elif place.kind == "web" and proxied:
            yield weak(
                "reach.web_beside",
                f"{name} can be reached beside the proxy, in plain: {at}",
                "let them listen where only the proxy reaches them: IOC_HTTP_HOST=127.0.0.1",
            )
        else:
            yield Finding(level, f"reach.{place.kind}", f"{name} can be reached from outside without TLS: {at}", remedy)


def places_of(case: Case) -> Iterator[Place]:
    """What the settings say listens on this machine."""
    settings = case.settings
    yield Place("dashboards", "web", settings.http_host, settings.http_port)
    if settings.health_port:
        yield Place("health", "health", settings.health_host, settings.health_port)
    for kind, url in (
        ("postgresql", settings.database_url),
        ("mqtt", settings.broker_url),
        ("smtp", settings.smtp_url),
    ):
        for one in _each_host(url):
            found = address(one, _PORTS)
            if own(found.host, case.outside):
                yield Place(kind, kind, found.host, found.port)


def _each_host(url: str) -> list[str]:
    parts = urlsplit(url)
    user, at, hosts = parts.netloc.rpartition("@")
    return [parts._replace(netloc=f"{user}{at}{host}", query="").geturl() for host in hosts.split(",") if host]


def own(host: str, outside: Iterable[str]) -> bool:
    """Whether this name is one of this machine's."""
    return loopback(host) or everywhere(host) or host in set(outside) or host == socket.gethostname()


def reached(places: Iterable[Place], outside: Iterable[str]) -> Iterator[Open]:
    for place in places:
        for address_ in outside:
            try:
                with socket.create_connection((address_, place.port), timeout=_PATIENCE) as link:
                    yield Open(place, address_, _tls(link, place))
            except OSError:
                continue


def _tls(link: socket.socket, place: Place) -> bool:
    """Whether it speaks TLS, or insists on it before a password is sent."""
    try:
        return speaks_tls(link, place.kind)
    except (OSError, ssl.SSLError, ValueError):
        return False


def _held(pids: Mapping[str, int]) -> Iterator[Place]:
    """Where the processes of an `ioc up` listen, whatever they were told."""
    import psutil

    for name, pid in pids.items():
        try:
            links = psutil.Process(pid).net_connections(kind="tcp")
        except psutil.Error:
            continue
        for link in links:
            if link.status == psutil.CONN_LISTEN and not loopback(link.laddr.ip):
                kind = {"dashboards": "web", "broker": "mqtt", "database": "postgresql", "mail": "smtp"}.get(
                    name, "part"
                )
                yield Place(name, kind, link.laddr.ip, link.laddr.port)


def outside_addresses() -> tuple[str, ...]:
    """Addresses of this machine that are not loopback or link-local."""
    import psutil

    families = (socket.AF_INET, socket.AF_INET6)
    every = [a.address for some in psutil.net_if_addrs().values() for a in some if a.family in families]
    return tuple(dict.fromkeys(a for a in every if not loopback(a) and "%" not in a))


CHECKS = (listening,)
