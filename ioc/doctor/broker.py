"""The broker: whether it lets in who has no name, or one it cannot know; tried with the few bytes that takes."""

from __future__ import annotations

import secrets
import socket
import ssl
import struct
from typing import TYPE_CHECKING, NamedTuple

from ioc.doctor.case import Finding, Level, Unseen, loopback
from ioc.settings import address

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ioc.doctor.case import Case
    from ioc.settings import Address

_PATIENCE = 5.0  # seconds
_PORTS = {"mqtt": 1883, "mqtts": 8883}
_V3, _V5 = 4, 5  # as the protocol counts: 3.1.1 and 5
_OTHER_VERSION = {0x01, 0x84}  # why a broker refuses that is no word on who we are
_MOST = 65_536  # bytes of an answer that are read
_PROBE = "ioc-doctor/probe"  # no feed's topic; nothing retained


class Tried(NamedTuple):
    """anonymous, stranger: let in without a name, with a made-up one; publishes: and may publish then."""

    anonymous: bool
    stranger: bool
    publishes: bool


def strangers(case: Case) -> Iterator[Finding]:
    if not case.settings.broker_url:
        raise Unseen("no broker is named: set IOC_BROKER_URL")
    at = address(case.settings.broker_url, _PORTS)
    try:
        tried = try_(at, case.settings.broker_ca)
    except OSError as error:
        raise Unseen(f"the broker {at.host}:{at.port} does not answer: {error}") from error
    near = loopback(at.host) and case.settings.auth == "open"
    yield from judge(tried, trial=near)


def judge(tried: Tried, *, trial: bool) -> Iterator[Finding]:
    """trial: it was asked for, and only this machine reaches it."""
    if not (tried.anonymous or tried.stranger):
        return
    who = "without a name" if tried.anonymous else "with any name and password"
    what = "may publish what he likes: readings of any sensor can be made up" if tried.publishes else "may connect"
    yield Finding(
        Level.WEAK if trial else Level.SERIOUS,
        "broker.anonymous",
        f"the broker lets anybody in {who}, who {what}",
        "allow_anonymous false, and users made by `ioc publishers write`; each may publish only its feed",
    )


def try_(at: Address, ca: str) -> Tried:
    """Connect as nobody and as a stranger; publish one small message where that is let in. Raises OSError."""
    made_up = f"doctor-{secrets.token_hex(4)}"
    anonymous = _let_in(at, ca, None)
    stranger = _let_in(at, ca, made_up)
    return Tried(anonymous[0], stranger[0], anonymous[1] or stranger[1])


def _let_in(at: Address, ca: str, user: str | None) -> tuple[bool, bool]:
    """(let in, its message was taken). Raises OSError where there is no broker.

    MQTT 5 first, because only there a broker says that it threw a message away.
    """
    found = _with(_V5, at, ca, user)
    return found if found is not None else _with(_V3, at, ca, user) or (False, False)


def _with(version: int, at: Address, ca: str, user: str | None) -> tuple[bool, bool] | None:
    """None where the broker does not speak this version, or hangs up instead of an answer."""
    with _link(at, ca) as link:
        try:
            link.sendall(_connect(version, user))
            answer = _packet(link)
        except OSError:
            return None
        if answer[:1] != b"\x20" or answer[3] in _OTHER_VERSION:
            return None
        return (answer[3] == 0, answer[3] == 0 and _taken(link, version))


def _taken(link: socket.socket, version: int) -> bool:
    try:
        link.sendall(_publish(version))
        answer = _packet(link)
        link.sendall(b"\xe0\0")
    except OSError:
        return False
    return answer[:1] == b"\x40" and (len(answer) < 5 or answer[4] < 0x80)


def _link(at: Address, ca: str) -> socket.socket:
    link = socket.create_connection((at.host, at.port), timeout=_PATIENCE)
    if at.scheme != "mqtts":
        return link
    try:
        return ssl.create_default_context(cafile=ca or None).wrap_socket(link, server_hostname=at.host)
    except BaseException:
        link.close()
        raise


def _connect(version: int, user: str | None) -> bytes:
    """CONNECT with a clean session and a client id of its own."""
    flags = 0x02 | (0xC0 if user is not None else 0)
    body = b"\0\x04MQTT" + bytes([version, flags]) + struct.pack("!H", 30) + _properties(version)
    body += _text(f"doctor{secrets.token_hex(6)}")
    if user is not None:
        body += _text(user) + _text(secrets.token_hex(8))
    return b"\x10" + bytes([len(body)]) + body


def _publish(version: int) -> bytes:
    """PUBLISH at QoS 1 of an empty message."""
    body = _text(_PROBE) + b"\0\x01" + _properties(version)
    return b"\x32" + bytes([len(body)]) + body


def _properties(version: int) -> bytes:
    """None of them."""
    return b"\0" if version == _V5 else b""


def _text(text: str) -> bytes:
    return struct.pack("!H", len(text)) + text.encode()


def _packet(link: socket.socket) -> bytes:
    """The next packet, its length as one byte whatever it is. Raises OSError at its end."""
    kind, length, shift = _exactly(link, 1), 0, 0
    while shift < 21:
        byte = _exactly(link, 1)[0]
        length |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            break
    return kind + b"?" + _exactly(link, min(length, _MOST))


def _exactly(link: socket.socket, count: int) -> bytes:
    found = b""
    while len(found) < count:
        part = link.recv(count - len(found))
        if not part:
            raise ConnectionResetError("the broker hung up")
        found += part
    return found


CHECKS = (strangers,)
