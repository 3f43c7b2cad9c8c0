"""The wire between paho and its socket: PUBLISH packets are taken out whole however the bytes come; the rest is paho's."""

from __future__ import annotations

import random
import socket

import pytest

from ingest.client import Address, Wire, pubacks
from ioc.errors import BrokerError


def length(n):
    out = bytearray()
    while True:
        out.append(n % 128 | (128 if n >= 128 else 0))
        n //= 128
        if not n:
            return bytes(out)


def publish(topic, payload, *, mid=1, head=0x32, properties=None):
    body = len(topic).to_bytes(2, "big") + topic + (mid.to_bytes(2, "big") if head & 6 else b"")
    body += (length(len(properties)) + properties if properties is not None else b"") + payload
    return bytes([head]) + length(len(body)) + body


def feed(data, sizes, *, properties=False):
    """The bytes through a real socket pair, in pieces of these sizes."""
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    wire = Wire(ours, 7, properties=properties)
    at = 0
    while at < len(data):
        size = next(sizes)
        theirs.sendall(data[at : at + size])
        wire.fill()
        at += size
    wire.fill()
    theirs.close()
    wire.fill()
    return wire


def rest(wire):
    found = b""
    while wire.has_control and (part := wire.recv(3)):
        found += part
    return found


@pytest.mark.parametrize("seed", range(20))
def test_packets_come_out_whole_however_the_bytes_come(seed):
    chance = random.Random(seed)
    sent, control, data = [], b"", b""
    for n in range(1, 60):
        if chance.random() < 0.3:
            packet = chance.choice([b"\xd0\x00", b"\x90\x03\x00\x01\x01", b"\x20\x02\x00\x00"])
            control += packet
            data += packet
        else:
            payload = chance.randbytes(chance.choice([0, 1, 100, 127, 128, 20_000]))
            head = chance.choice([0x30, 0x31, 0x32, 0x3A, 0x33])
            sent.append((b"a/%d" % n, payload, n if head & 6 else 0, bool(head & 8), bool(head & 1)))
            data += publish(b"a/%d" % n, payload, mid=n, head=head)
    wire = feed(data, iter(lambda: chance.choice([1, 2, 3, 7, 500, 5_000]), None))
    assert [(m.topic, m.payload, m.mid, m.dup, m.retain) for m in wire.messages] == sent
    assert rest(wire) == control
    assert all(m.connection == 7 and m.size == len(m.payload) for m in wire.messages)


def test_mqtt_5_properties_are_not_payload():
    data = publish(b"a", b"payload", properties=b"\x01\x01" * 100) + publish(b"b", b"", properties=b"")
    assert [(m.topic, m.payload) for m in feed(data, iter([5, 100, 1000]), properties=True).messages] == [
        (b"a", b"payload"),
        (b"b", b""),
    ]


def test_a_huge_payload_is_skipped_and_kept_by_its_beginning():
    big = random.Random(1).randbytes(3_000_000)
    data = publish(b"big", big, mid=5) + publish(b"next", b"1", mid=6)
    wire = feed(data, iter(lambda: 50_000, None))
    assert [(m.topic, m.size, m.mid) for m in wire.messages] == [(b"big", 3_000_000, 5), (b"next", 1, 6)]
    assert wire.messages[0].payload == big[:65_536]
    assert len(wire._raw) == 0


def test_no_two_messages_arrive_at_one_moment():
    wire = feed(publish(b"a", b"1") * 5_000, iter(lambda: 100_000, None))
    arrivals = [m.received for m in wire.messages]
    assert len(set(arrivals)) == 5_000
    assert arrivals == sorted(arrivals)


def test_an_end_of_the_stream_is_told_to_paho():
    wire = feed(b"", iter([1]))
    assert wire.has_control
    assert wire.recv(10) == b""


def test_acknowledgements_are_packed_in_bulk():
    assert pubacks([1, 258, 65_535]) == b"\x40\x02\x00\x01\x40\x02\x01\x02\x40\x02\xff\xff"


def test_broker_addresses():
    assert Address.parse("mqtts://me:p%40ss@host") == ("host", 8883, True, "me", "p@ss", 0, 30, "")
    assert Address.parse("mqtt://host:1999?protocol=3.1.1").protocol == 4
    for wrong in ("http://host", "mqtt://", "mqtt://host?protocol=7"):
        with pytest.raises(BrokerError):
            Address.parse(wrong)
