"""What a broker brings for a while, without a trace: a clean session at QoS 0 that acknowledges and keeps nothing."""

from __future__ import annotations

import time
import uuid
from typing import TYPE_CHECKING, Any

from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion

from ingest.client import Address, tls_context
from ingest.samples import Sample
from ioc.errors import BrokerError

if TYPE_CHECKING:
    from ioc.settings import Settings

_PATIENCE = 10.0  # seconds until the broker must have answered


def heard(settings: Settings, filter_: str, seconds: float, most: int) -> list[Sample]:
    """Up to `most` messages of `seconds`. Raises BrokerError."""
    settings.require("broker_url")
    address = Address.parse(settings.broker_url)
    found: list[Sample] = []
    answer: list[str] = []

    def on_connect(client: paho.Client, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        answer.append("" if not reason.is_failure else str(reason))
        client.subscribe(filter_, qos=0)

    def on_message(_client: paho.Client, _data: Any, message: paho.MQTTMessage) -> None:
        if len(found) < most:
            found.append(Sample(message.topic, bytes(message.payload), retained=bool(message.retain)))

    client = paho.Client(CallbackAPIVersion.VERSION2, client_id=f"ioc-listen-{uuid.uuid4().hex[:8]}")
    client.on_connect, client.on_message = on_connect, on_message
    _prepare(client, address, settings)
    try:
        client.connect(address.host, address.port, keepalive=30)
    except (OSError, ValueError) as error:
        raise BrokerError(f"the broker at {address.host}:{address.port} cannot be reached: {error}") from error
    try:
        _run(client, seconds, answer, found, most)
    finally:
        client.disconnect()
        client.loop(0.1)
    return found


def _prepare(client: paho.Client, address: Address, settings: Settings) -> None:
    if address.user:
        client.username_pw_set(address.user, address.password)
    if address.tls:
        client.tls_set_context(tls_context(settings))


def _run(client: paho.Client, seconds: float, answer: list[str], found: list[Sample], most: int) -> None:
    until, patience = time.monotonic() + seconds, time.monotonic() + _PATIENCE
    while time.monotonic() < until and len(found) < most:
        client.loop(0.1)
        if answer and answer[0]:
            raise BrokerError(f"the broker refused: {answer[0]}")
        if not answer and time.monotonic() > patience:
            raise BrokerError("the broker did not answer")
