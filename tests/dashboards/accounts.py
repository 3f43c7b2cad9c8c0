"""Accounts, displays and tokens made straight in the store, and what a browser of each would send."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

from ioc.access.holder import Who
from ioc.access.rights import Role
from ioc.store import displays, people, sessions, tokens

SECRET = "a-secret-of-the-tests"
TEST = Who("tests", "", "terminal")


def person(conn, role: Role, **more):
    return people.add(conn, TEST, people.New(name=f"{role} {uuid.uuid4().hex[:6]}", role=role, **more))


def session(conn, role: Role, **more) -> str:
    """A Cookie header of somebody who has just logged in. more: areas, feeds."""
    with conn.transaction():
        who = person(conn, role, **more)
        return "ioc_session=" + sessions.open_(conn, who.id, SECRET, "127.0.0.1", "password", datetime.now(UTC))


def display(conn, scenes=()) -> str:
    code, secret = displays.ask(conn, "127.0.0.1")
    displays.approve(conn, TEST, f"screen {uuid.uuid4().hex[:6]}", code=code, scenes=scenes)
    return f"ioc_display={secret}"


def token(conn, *scopes: str, feeds=()) -> str:
    return "Bearer " + tokens.add(conn, f"token {uuid.uuid4().hex[:6]}", scopes, who=TEST, feeds=feeds)[1]


def headers(conn, role: str) -> dict[str, str]:
    """What a request of this role carries. role: of a Role, or `token read`."""
    if role.startswith("token"):
        return {"Authorization": token(conn, role.split()[1])}
    if role == Role.NOBODY:
        return {}
    return {"Cookie": display(conn) if role == Role.DISPLAY else session(conn, Role(role))}
