"""rules/*.toml: when something is wrong, and why it matters. Each file holds any number of [[rule]] tables."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from ioc.config.types import Duration, Key, Model, Text, parse_duration

Priority = Literal["critical", "high", "medium", "low"]


class Scope(Model):
    """Which series a rule watches; empty means all. Each list is an "any of", the lists are joined by "and"."""

    metrics: list[str] = []
    domains: list[str] = []
    feeds: list[str] = []
    sensors: list[str] = []  # keys; a trailing * matches the rest
    areas: list[str] = []
    tags: list[str] = []  # any of a sensor's property `tags`


class Parent(Model):
    """While an alarm of `rule` stands, this rule's alarms are hidden behind it where both have `same` in common.

    same: "sensor", "feed", "area", "domain", "city" (always), or a property of sensors such as "gateway": the parent is
    the sensor it names, or has the same value.
    """

    rule: str
    same: str = "feed"


def _as_parent(value: Any) -> Any:
    return {"rule": value} if isinstance(value, str) else value


class Rule(Model):
    key: Key
    kind: str  # a file in alerts/rules
    name: Text
    scope: Scope = Scope()
    options: dict[str, Any] = {}  # that kind's own, checked by its `Options` model
    priority: Priority = "medium"
    on_delay: Duration = Field(default=parse_duration("0s"), validate_default=True)
    off_delay: Duration = Field(default=parse_duration("0s"), validate_default=True)
    latching: bool = False
    realarm: Duration | None = None
    realarm_acknowledged: bool = True  # a reminder puts an acknowledged alarm back to unacknowledged (ISA re-alarm)
    suppressed_by: list[Annotated[Parent, BeforeValidator(_as_parent)]] = []
    enabled: bool = True
    # Rationalisation (ISA-18.2): a rule nobody can answer is not an alarm.
    cause: Text
    consequence: Text
    action: Annotated[Text, Field(min_length=1)]
    respond_within: Duration
    owner: str
    review_by: date
    source: str = ""  # the law or decision the level comes from
    family: str = ""  # rules of one family in one area share a mail


class RuleFile(Model):
    rule: list[Rule] = []
