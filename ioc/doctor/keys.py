"""Keys of programs and screens: API tokens, publishers and displays that nobody uses, or that end soon."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from ioc.doctor.case import Finding, note, weak

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from collections.abc import Set as AbstractSet
    from datetime import datetime

    from ioc.doctor.case import Case
    from ioc.store.displays import Display
    from ioc.store.publishers import Publisher
    from ioc.store.tokens import Token

_SOON, _UNUSED = timedelta(days=14), timedelta(days=90)


def tokens(case: Case) -> Iterator[Finding]:
    from ioc.store import tokens as kept

    yield from judge_tokens(kept.every(case.store), case.now)


def judge_tokens(found: Sequence[Token], now: datetime) -> Iterator[Finding]:
    for one in found:
        if one.state(now) != "good":
            continue
        if (one.used_at or one.created_at) < now - _UNUSED:
            yield weak(
                "keys.token_unused",
                f"token {one.name} ({one.head}...) was not used for 90 days",
                f"ioc tokens revoke {one.name!r}",
            )
        elif one.expires_at < now + _SOON:
            yield note(
                "keys.token_soon",
                f"token {one.name} ends on {one.expires_at:%Y-%m-%d}",
                f"ioc tokens revoke {one.name!r}, then `ioc tokens add` it anew, and give it to whoever uses it",
            )


def publishers(case: Case) -> Iterator[Finding]:
    from ioc.store import checkup
    from ioc.store import publishers as kept

    silent = {feed for feed, at in checkup.feeds_heard(case.store) if at is None or at < case.now - _UNUSED}
    yield from judge_publishers(kept.listed(case.store), silent, case.now)


def judge_publishers(found: Sequence[Publisher], silent: AbstractSet[str], now: datetime) -> Iterator[Finding]:
    """silent: feeds that brought nothing for 90 days."""
    for one in found:
        if one.revoked_at is not None:
            continue
        if one.expires_at is not None and one.expires_at <= now + _SOON:
            ended = "ended" if one.expires_at <= now else "ends"
            yield note(
                "keys.publisher_soon",
                f"publisher {one.name} {ended} on {one.expires_at:%Y-%m-%d}: the broker lets it in no longer then",
                f"ioc publishers renew {one.name} --days N, or ioc publishers revoke {one.name}",
            )
        elif one.feeds and not one.topics and set(one.feeds) <= silent and one.created_at < now - _UNUSED:
            yield weak(
                "keys.publisher_unused",
                f"publisher {one.name} may publish, and none of its feeds was heard for 90 days",
                f"ioc publishers revoke {one.name}",
            )


def displays(case: Case) -> Iterator[Finding]:
    from ioc.store import displays as kept

    yield from judge_displays(kept.listed(case.store), len(kept.waiting(case.store)), case.now)


def judge_displays(found: Sequence[Display], waiting: int, now: datetime) -> Iterator[Finding]:
    """waiting: browsers that show a code and are not yet approved."""
    for one in found:
        if one.revoked_at is None and (one.seen_at or one.created_at) < now - _UNUSED:
            yield weak(
                "keys.display_unused",
                f"display {one.name} has a key, and was not seen for 90 days",
                f"ioc displays revoke {one.name!r}, or on the Displays page",
            )
    if waiting:
        yield note(
            "keys.displays_waiting",
            f"{waiting} screen{'s' if waiting > 1 else ''} wait to be approved",
            "approve on the Displays page what you can see before you; the others end by themselves",
        )


CHECKS = (tokens, publishers, displays)
