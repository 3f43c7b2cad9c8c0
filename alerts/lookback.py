"""How far back a rule looks: what the city's retention must not undercut."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from alerts.targets import KINDS
from ioc import plugins
from ioc.store import growth

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from ioc.config.rules import Rule
    from ioc.store.database import Connection


class Lookback(NamedTuple):
    """The rule, by its key, and how far back it looks."""

    rule: str = ""
    back: timedelta = timedelta(0)


def of(rule: Rule) -> timedelta:
    """Its kind's window, or what the kind learns from, and the delays on top. Raises ValueError on unsound options."""
    module = plugins.load(KINDS, rule.kind)
    options = module.Options.model_validate(rule.options)
    back: timedelta = module.window(options)
    if hasattr(module, "model_of") and (model := module.model_of(options)) is not None:
        back = max(back, model.back)
    return back + max(rule.on_delay, rule.off_delay)


def longest(rules: Iterable[Rule]) -> Lookback:
    """The one of the rules in force that looks back furthest; one that cannot be understood looks nowhere."""
    found = Lookback()
    for rule in rules:
        with suppress(ValueError, LookupError):
            if rule.enabled and (back := of(rule)) > found.back:
                found = Lookback(rule.key, back)
    return found


def remember(conn: Connection, rules: Iterable[Rule], now: datetime) -> None:
    """Tell upkeep, which knows no rules, what it must not delete."""
    found = longest(rules)
    growth.remember(conn, growth.LOOKBACK, {"rule": found.rule, "seconds": found.back.total_seconds()}, now)
