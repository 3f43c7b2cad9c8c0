"""Paired screens: what each says of itself in, to the store; what an administrator chose out, to the one it is for.

One thread and one connection in each process. Every ten seconds one statement says who is connected; what is changed in
the store is heard of at once and told to those it concerns. A screen that comes back is told what stands then.
"""

from __future__ import annotations

import itertools
import logging
import time
from typing import TYPE_CHECKING, Annotated, Literal

import orjson
from pydantic import BaseModel, Field, StringConstraints, ValidationError

from ioc.errors import StoreError
from ioc.store import database, displays
from ioc.store.displays import Sighting

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from dashboards.hub import Hub, Screen
    from ioc.store.database import Connection
    from ioc.store.displays import Orders

log = logging.getLogger(__name__)
_BEAT = 10.0  # seconds
_LOOK = 0.4  # seconds until a screen that has just come is told what it is to do
LONGEST = 1000  # characters of what a screen says at once
_Plain = Annotated[str, StringConstraints(max_length=100, pattern=r"^\P{C}*$")]
_Size = Annotated[int, Field(ge=0, le=100_000)]


class Said(BaseModel):
    """What a screen says of itself. width, height: of its page in its own pixels."""

    type: Literal["showing"]
    scene: _Plain = ""
    screen: Annotated[int, Field(ge=0, le=displays.MOST_SCREENS)] = 0
    width: _Size = 0
    height: _Size = 0
    build: Annotated[_Plain, StringConstraints(max_length=40)] = ""


def take(screen: Screen, text: str) -> bool:
    """Whether this was a paired screen's word of itself; anything else is left alone."""
    if screen.display is None or len(text) > LONGEST:
        return False
    try:
        screen.said = Said.model_validate_json(text)
    except ValidationError:
        return False
    return True


def run(url: str, hub: Hub, call: Callable[..., Any], stop: threading.Event) -> None:
    """Until `stop`; while the store is away, screens stay as they are. call: onto the hub's event loop."""
    told = itertools.count(int(time.time()))
    while not stop.is_set():
        try:
            with database.connect(url, name="ioc dashboards displays", autocommit=True) as conn:
                displays.listen(conn)
                _follow(conn, hub, call, stop, told)
        except StoreError as error:
            log.debug("the paired screens wait for the store: %s", error)
            stop.wait(1.0)


def _follow(
    conn: Connection, hub: Hub, call: Callable[..., Any], stop: threading.Event, told: itertools.count[int]
) -> None:
    due, before, heard = 0.0, dict[int, Sighting](), True
    while not stop.is_set():
        there = [screen for screen in tuple(hub.screens) if screen.display is not None]
        beat = time.monotonic() >= due
        if there and (heard or beat or any(screen.orders is None for screen in there)):
            call(obey, there, displays.orders(conn, {int(s.display or 0) for s in there}))
        now = sightings(there)
        news = {number: one for number, one in now.items() if before.get(number) != one}
        displays.seen(conn, (now if beat else news).values())
        if heard or news or before.keys() - now.keys():
            call(hub.say, "displays", orjson.dumps({"type": "displays", "n": next(told)}).decode())
        due, before = time.monotonic() + _BEAT if beat else due, now
        heard = displays.heard(conn, _LOOK)


def sightings(there: Sequence[Screen]) -> dict[int, Sighting]:
    """What each says of itself; of two windows with one key, the one that came last."""
    found = {}
    for screen in there:
        said, number = screen.said, int(screen.display or 0)
        if said is not None:
            found[number] = Sighting(
                number, screen.address, said.scene, said.screen, said.width, said.height, said.build
            )
    return found


def obey(there: Sequence[Screen], standing: Mapping[int, Orders]) -> None:
    """On the event loop: what is new for each of these screens goes out to it; one that was revoked is cut off."""
    for screen in there:
        orders = standing.get(int(screen.display or 0))
        if orders is None or orders.revoked:
            screen.end()
        elif screen.orders != orders:
            if screen.scenes != frozenset(orders.scenes):
                screen.scenes = frozenset(orders.scenes)
                screen.again()
            screen.orders = orders
            screen.tell(message(orders))


def message(orders: Orders) -> str:
    """What the screen is told."""
    return orjson.dumps({"type": "show", **chosen(orders)}).decode()


def chosen(orders: Orders) -> dict[str, Any]:
    """What an administrator chose, as a wall's script knows it."""
    return {"shows": orders.shows, "screen": orders.screen, "reloads": orders.reloads}
