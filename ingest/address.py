"""Where the broker is and how to log in: a URL and IOC_BROKER_* -> a paho client that is not connected yet."""

from __future__ import annotations

import re
import socket
import ssl
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from ingest.wire import Wire
from ioc.errors import BrokerError

if TYPE_CHECKING:
    from ioc.settings import Settings


class Address(NamedTuple):
    """Where the broker is: mqtt[s]://user:password@host:port[?protocol=5&keepalive=30&client=WORD]."""

    host: str
    port: int
    tls: bool
    user: str | None
    password: str | None
    protocol: int  # 5, 4 (MQTT 3.1.1), or 0: try 5 first
    keepalive: int = 30  # seconds; a silent connection is given up after twice that
    client: str = ""  # part of the ingester's client id: who cannot guess it cannot take its session over

    @classmethod
    def parse(cls, url: str) -> Address:
        """Raises BrokerError."""
        parts = urlsplit(url)
        if parts.scheme not in ("mqtt", "mqtts") or not parts.hostname:
            raise BrokerError(
                f"not a broker address: write mqtt://host:1883 or mqtts://host:8883, not {parts.scheme}://"
            )
        wanted = parse_qs(parts.query).get("protocol", ["auto"])[0]
        protocols = {"auto": 0, "5": paho.MQTTv5, "3.1.1": paho.MQTTv311}
        if wanted not in protocols:
            raise BrokerError(f"protocol={wanted} in the broker's address: write 5 or 3.1.1, or leave it out")
        tls = parts.scheme == "mqtts"
        user, password = (unquote(p) if p is not None else None for p in (parts.username, parts.password))
        port = parts.port or (8883 if tls else 1883)
        keepalive = int(parse_qs(parts.query).get("keepalive", ["30"])[0])
        client = parse_qs(parts.query).get("client", [""])[0]
        if not re.fullmatch(r"[A-Za-z0-9]{0,24}", client):
            raise BrokerError("client= in the broker's address: up to 24 letters and digits")
        return cls(parts.hostname, port, tls, user, password, protocols[wanted], keepalive, client)


class WiredClient(paho.Client):
    """paho with our wire in place of its socket."""

    wires = 0

    def _create_socket(self) -> Any:
        sock: Any = super()._create_socket()
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.wires += 1
        return Wire(sock, self.wires, properties=self.protocol == paho.MQTTv5)


def make(settings: Settings, client_id: str, *, protocol: int, session: bool) -> WiredClient:
    """A paho client, not connected. session: the broker keeps what we have not acknowledged. Raises BrokerError."""
    address = Address.parse(settings.broker_url)
    clean = None if protocol == paho.MQTTv5 else not session
    client = WiredClient(
        CallbackAPIVersion.VERSION2,
        client_id,
        clean_session=clean,
        protocol=MQTTProtocolVersion(protocol),
        manual_ack=True,
    )
    client.connect_timeout = 5.0
    client.username_pw_set(address.user, address.password)
    if address.tls:
        client.tls_set_context(tls_context(settings))
    return client


def tls_context(settings: Settings) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=settings.broker_ca or None)  # checks the host's name too
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if settings.broker_cert:
            context.load_cert_chain(settings.broker_cert, settings.broker_key or None)
    except (OSError, ssl.SSLError) as error:
        raise BrokerError(f"IOC_BROKER_CA, _CERT or _KEY cannot be used: {error}") from error
    return context
