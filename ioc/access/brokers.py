"""Who may publish what at the broker: users with topics in, the files that mosquitto or NATS read out.

Both refuse what is not named here. A user is written by itself, never through a pattern, so that no name can stand for
another; names are checked here once more, because a line break in one would be a line of its own in the file.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ioc.config.topics import plain
from ioc.errors import IocError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

NAME = re.compile(r"[a-z0-9]([a-z0-9_-]{0,61}[a-z0-9])?", re.ASCII)
OWN = "ioc"  # our own users are called this, or begin with this and a hyphen
_ITERATIONS = 101  # what mosquitto_passwd itself uses; the passwords are random, not a person's
_BCRYPT_COST = 5  # likewise: a random password needs no slow hash, and a fleet that comes back at once needs a fast one
_UNWRITABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
# Subjects behind which NATS keeps its own state; a `#` of MQTT means none of them.
_NATS_OWN = ["$SYS.>", "$JS.>", "$MQTT.>", "$KV.>", "$O.>", "$SRV.>", "_INBOX.>", "_R_.>"]


class PublisherError(IocError):
    """A publisher that cannot be: its name, topics or feeds are at fault."""


@dataclass(frozen=True, slots=True)
class Hashes:
    """One password as each broker wants it."""

    bcrypt: str
    pbkdf2: str


@dataclass(frozen=True, slots=True)
class User:
    """publish, subscribe: MQTT filters, also with `{names}` as feeds write them. Raises PublisherError on a bad one."""

    name: str
    hashes: Hashes
    publish: tuple[str, ...] = ()
    subscribe: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_name(self.name)
        for topic in (*self.publish, *self.subscribe):
            check_topic(topic)


def check_name(name: str) -> None:
    """Raises PublisherError unless it can stand in every broker's file and mean only itself."""
    if not NAME.fullmatch(name):
        raise PublisherError(
            f"{name!r} cannot be a user of the broker: up to 63 lower-case letters, digits, - and _, "
            "with a letter or digit first and last"
        )


def check_free(name: str) -> None:
    """Raises PublisherError for a name that is, or could become, one of our own users'."""
    check_name(name)
    if name == OWN or name.startswith(f"{OWN}-"):
        raise PublisherError(f"{name!r} is kept for the centre's own programs: take another name")


def check_topic(topic: str) -> None:
    """Raises PublisherError unless it is an MQTT filter that a line of a file can hold."""
    levels = topic.split("/")
    wild = any(("#" in level or "+" in level) and len(level) > 1 for level in levels) or "#" in levels[:-1]
    if not topic or wild or _UNWRITABLE.search(topic) or topic != topic.strip() or len(topic.encode()) > 65_535:
        raise PublisherError(
            f"{topic!r} is not a topic filter a broker's file can hold: + stands for a whole level, # only at the end, "
            "no control characters, no space at either end"
        )


def fresh_password() -> str:
    """192 random bits, safe in URLs and shells."""
    return secrets.token_urlsafe(24)


def hashed(password: str) -> Hashes:
    return Hashes(_bcrypt(password), mosquitto_hash(password, secrets.token_bytes(12)))


def _bcrypt(password: str) -> str:
    import bcrypt

    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(_BCRYPT_COST)).decode()


def mosquitto_hash(password: str, salt: bytes) -> str:
    """A line's second half in mosquitto's password file: PBKDF2 with SHA-512, as mosquitto 2 writes it."""
    key = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, _ITERATIONS)
    return f"$7${_ITERATIONS}${base64.b64encode(salt).decode()}${base64.b64encode(key).decode()}"


def filters(topics: Iterable[str]) -> list[str]:
    """As MQTT knows them, each once: `{name}` is +, and the group of a shared subscription is nothing to publish to."""
    return list(dict.fromkeys(plain(_unshared(topic)) for topic in topics))


def _unshared(topic: str) -> str:
    return topic.split("/", 2)[2] if topic.startswith("$share/") and topic.count("/") > 1 else topic


def mosquitto_passwd(users: Sequence[User]) -> str:
    """The text of mosquitto's password_file."""
    return "".join(f"{user.name}:{user.hashes.pbkdf2}\n" for user in users)


def mosquitto_acl(users: Sequence[User]) -> str:
    """The text of mosquitto's acl_file.

    Who publishes elsewhere is hung up on (MQTT 3) or told so (MQTT 5); a subscription elsewhere brings nothing.
    """
    lines = ["# Written by IOC; what is not allowed here is refused."]
    for user in users:
        lines += ["", f"user {user.name}"]
        lines += [f"topic write {topic}" for topic in filters(user.publish)]
        lines += [f"topic read {topic}" for topic in filters(user.subscribe)]
    return "\n".join(lines) + "\n"


def nats_users(users: Sequence[User]) -> str:
    """The text of a NATS configuration's `authorization`, to be included in a server's file."""
    return "".join(["authorization {\n  users: [\n", *(f"    {_nats_user(user)}\n" for user in users), "  ]\n}\n"])


def _nats_user(user: User) -> str:
    """One line. A list that is empty allows everything, so an empty one denies everything instead."""
    told = {
        "user": user.name,
        "password": user.hashes.bcrypt,
        "allowed_connection_types": ["MQTT"],
        "permissions": {"publish": _nats_allowed(user.publish), "subscribe": _nats_allowed(user.subscribe, inner=True)},
    }
    return json.dumps(told, ensure_ascii=False)


def _nats_allowed(topics: Iterable[str], *, inner: bool = False) -> dict[str, list[str]]:
    """inner: a subscriber with QoS 1 gets its messages through a subject of NATS' own."""
    allowed = [subject for topic in filters(topics) for subject in subjects(topic)]
    if not allowed:
        return {"deny": [">"]}
    if inner:
        return {"allow": [*allowed, "$MQTT.sub.>", "$MQTT.deliver.pubrel.>"]}
    return {"allow": allowed, "deny": _NATS_OWN}


def subjects(topic: str) -> list[str]:
    """The NATS subjects of an MQTT filter; none where NATS refuses such topics anyway (a space), or would misread them.

    >>> subjects("city/+/air.v2/#"), subjects("/lead//x"), subjects("a b")
    (['city.*.air//v2.>', 'city.*.air//v2'], ['/.lead./.x'], [])
    """
    if re.search(r"[\s*>]", topic):
        return []
    found = ".".join(_WILD.get(level) or level.replace(".", "//") or "/" for level in topic.split("/"))
    return [found, found.removesuffix(".>")] if found.endswith(".>") else [found]


_WILD = {"+": "*", "#": ">"}
