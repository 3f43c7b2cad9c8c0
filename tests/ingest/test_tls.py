"""The ingester's own programs reach a broker over TLS, and only one that proves who it is."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime

import pytest

from ingest.address import tls_context
from ingest.client import Client
from ingest.publish import Publisher
from ioc.access import pki
from ioc.access.brokers import User, hashed
from ioc.embedded.broker import Broker, Tls, free_port
from ioc.settings import Settings
from tests import services


@pytest.fixture(scope="module", params=[pytest.param("mosquitto", marks=pytest.mark.mosquitto), "nats"])
def broker(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("broker")
    file = pki.keep(folder / "tls", "broker", ["localhost"], datetime.now(UTC)).file
    pki.authority(folder / "other", datetime.now(UTC))
    users = (User("ioc", hashed("own"), ("#",), ("#",)),)
    found = Broker(request.param, folder, free_port(), users=users, tls=Tls(file, file))
    found.start()
    yield found
    found.stop()


def settings(broker, ca="tls", host="localhost", password="own"):
    return Settings(
        broker_url=f"mqtts://ioc:{password}@{host}:{broker.port}", broker_ca=str(broker.folder / ca / "ca.pem")
    )


def test_messages_go_both_ways(broker):
    client, publisher = Client(settings(broker), "reader", {"city/#": 1}), Publisher(settings(broker))
    got = []
    try:
        services.wait_for(lambda: client.poll(0.05) is not None and client.subscribed, "the subscription")
        publisher.publish("city/1", b"x")
        publisher.wait(10)
        services.wait_for(lambda: got.extend(client.poll(0.05)) or got, "the message")
        assert (got[0].topic, got[0].payload) == (b"city/1", b"x")
    finally:
        client.close()
        publisher.close()


@pytest.mark.parametrize("wrong", [{"ca": "other"}, {"host": "127.0.0.1"}])
def test_a_broker_that_cannot_prove_who_it_is_gets_nothing(broker, wrong):
    client = Client(settings(broker, **wrong), "reader", {"city/#": 1})
    try:
        services.wait_for(
            lambda: client.poll(0.05) is not None and "certificate verify failed" in client.why, "the refusal"
        )
        assert not client.connected
    finally:
        client.close()


def test_older_protocols_than_tls_1_2_are_not_spoken(broker):
    assert tls_context(settings(broker)).minimum_version >= ssl.TLSVersion.TLSv1_2
