"""Keys for programs: tokens that nobody uses, that never ran out of use, or that end soon."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from ioc.doctor.case import Finding, note, weak

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from ioc.doctor.case import Case
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


CHECKS = (tokens,)
