"""Whether what somebody wants to do lies within the areas and feeds of the account."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dashboards.callbacks import ForbiddenError
from dashboards.context import current
from dashboards.parts import word
from dashboards.viewer import CURRENT
from ioc.access.rights import Role
from ioc.store import bounds

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


async def alarms(ids: Sequence[int]) -> None:
    """Raises ForbiddenError unless every one of these alarms is within reach."""
    within = CURRENT.get().bounds
    beyond = await current().read(bounds.alarms_beyond, within, ids) if within.areas else []
    if beyond:
        raise ForbiddenError(word("denied.area", areas=", ".join(sorted(within.areas))))


def areas(keys: Iterable[str]) -> None:
    """For what is said by areas: all of them must be within, and somebody with bounds must name some."""
    within, named = CURRENT.get().bounds, set(keys)
    if within.areas and not (named and named <= within.areas):
        raise ForbiddenError(word("denied.area", areas=", ".join(sorted(within.areas))))


async def feed(id_: int) -> None:
    within = CURRENT.get().bounds
    if within.feeds and not await current().read(bounds.feed_within, within, id_):
        raise ForbiddenError(word("denied.feed", feeds=", ".join(sorted(within.feeds))))


def files(feeds: Iterable[str]) -> None:
    """A token that is bound to feeds takes away what is theirs, and says which; people may take what they may see."""
    viewer, named = CURRENT.get(), set(feeds)
    within = viewer.bounds.feeds
    if viewer.role is Role.TOKEN and within and not (named and named <= within):
        raise ForbiddenError(f"this token takes away only feed={','.join(sorted(within))}: name them in the address")


def feed_key(key: str) -> None:
    """A feed that does not exist yet, by the key it is to have."""
    within = CURRENT.get().bounds
    if not within.reaches_feed(key):
        raise ForbiddenError(word("denied.feed", feeds=", ".join(sorted(within.feeds))))
