"""duty.toml: who holds which post when, along which steps an alarm is told, which days are holidays; maintenance.toml.

All hours and days here are the city's own (or the roster's `zone`), as people at a desk read them off the wall.
"""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BeforeValidator, Field, field_validator, model_validator

from ioc.config.rules import Priority
from ioc.config.types import Duration, Key, Model, Text, parse_duration

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
Holidays = Literal["as_usual", "off", "only"]  # whether a span also begins on holidays, never does, or only then
_CLOCK = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)|24:00")
_WORDS = ("subscribers", "everyone")
_Date: TypeAlias = date  # where a field is called `date` itself


def _clock(value: Any) -> Any:
    """'7:30' -> '07:30'; TOML's own local times are taken as well."""
    text = value.strftime("%H:%M") if hasattr(value, "strftime") else value
    if not isinstance(text, str) or not _CLOCK.fullmatch(text):
        raise ValueError(f"not a time of day: {value!r}; write 07:00")
    return text.zfill(5)


def _hours(value: Any) -> Any:
    """'22:00-06:00': a span of the day; one that ends before it begins ends on the next day."""
    if not isinstance(value, str) or len(parts := value.split("-")) != 2:
        raise ValueError(f"not hours: {value!r}; write 07:00-19:00")
    begin, end = (_clock(part.strip()) for part in parts)
    if begin in ("24:00", end):
        raise ValueError(f"{value!r} is no span: 00:00-24:00 is the whole day")
    return f"{begin}-{end}"


Clock: TypeAlias = Annotated[str, BeforeValidator(_clock, json_schema_input_type=str)]
Hours: TypeAlias = Annotated[str, BeforeValidator(_hours, json_schema_input_type=str)]


class Quiet(Model):
    """Left in peace in these hours. passes: the least priority that comes through all the same; critical always does.

    days: on which they begin; holidays = "only" is for quiet holidays.
    """

    hours: Hours
    passes: Priority = "critical"
    days: list[Day] = []
    holidays: Holidays = "as_usual"


class Shift(Model):
    """Members take turns in this order, each for `every`, the first one's first turn begins on `starts` at `handover`.

    hours: on duty only in these; days: only on these days; both by when they begin. holidays: "off" for a day shift
    that has holidays off, "only" for who stands in then.
    """

    members: Annotated[list[Key], Field(min_length=1)]
    starts: date
    every: Duration = Field(default=parse_duration("7d"), validate_default=True)
    handover: Clock = "08:00"
    hours: Hours | None = None
    days: list[Day] = []
    holidays: Holidays = "as_usual"

    @field_validator("every")
    @classmethod
    def _whole_days(cls, value: timedelta) -> timedelta:
        if value < timedelta(days=1) or value % timedelta(days=1):
            raise ValueError(
                "turns are whole days: write 1d, 7d or 2w; for parts of a day make a shift each, with `hours`"
            )
        return value


class Roster(Model):
    """A post that somebody holds: several may, where shifts overlap. quiet: of whoever holds it."""

    key: Key
    name: Text
    zone: str | None = None
    shift: Annotated[list[Shift], Field(min_length=1)]
    quiet: list[Quiet] = []


class Step(Model):
    """notify: "roster:KEY" (whoever is on duty then), "contact:KEY", "subscribers" (the contacts whose domains, areas
    and lowest fit) or "everyone" (who was not told yet). after: since the alarm was told first; where absent the steps
    are spread over the rule's time to respond, the last at its end.
    """

    notify: Annotated[list[str], Field(min_length=1)]
    after: Duration | None = None

    @field_validator("notify")
    @classmethod
    def _known_words(cls, value: list[str]) -> list[str]:
        for word in value:
            if word not in _WORDS and not word.startswith(("roster:", "contact:")):
                raise ValueError(f"{word!r} is nobody: write roster:KEY, contact:KEY, subscribers or everyone")
        return value


class Chain(Model):
    """For the alarms that fit (empty lists: all); the first chain of the file that fits an alarm counts for it."""

    key: Key
    name: Text = {}
    priorities: list[Priority] = []
    domains: list[str] = []
    areas: list[str] = []
    feeds: list[str] = []
    families: list[str] = []
    rules: list[str] = []  # keys; a trailing * matches the rest
    step: Annotated[list[Step], Field(min_length=1)]

    @model_validator(mode="after")
    def _in_order(self) -> Chain:
        after = [step.after for step in self.step if step.after is not None]
        if after != sorted(after):
            raise ValueError("the steps' `after` must not fall: each is counted from when the alarm was told first")
        return self


class Holiday(Model):
    """One day, or each from `date` to `to`. Feasts of the moon's calendar move: list them by date, year by year."""

    date: date
    to: _Date | None = None
    name: Text = {}

    @model_validator(mode="after")
    def _forward(self) -> Holiday:
        if self.to is not None and not timedelta(0) <= self.to - self.date <= timedelta(days=60):
            raise ValueError("`to` must be on or after `date`, at most 60 days")
        return self

    @property
    def days(self) -> list[_Date]:
        last = self.to or self.date
        return [self.date + timedelta(days=n) for n in range((last - self.date).days + 1)]


class Duty(Model):
    roster: list[Roster] = []
    chain: list[Chain] = []
    holiday: list[Holiday] = []


class Window(Model):
    """What is being worked on: its alarms are out of service meanwhile. Several lists mean what they have in common.

    Once: starts and ends, local times. Every week: hours and days, within valid_from <= day <= valid_to.
    """

    key: Key
    reason: Text
    owner: str
    areas: list[str] = []
    feeds: list[str] = []
    sensors: list[str] = []  # keys; a trailing * matches the rest
    rules: list[str] = []  # likewise
    domains: list[str] = []
    tags: list[str] = []
    starts: datetime | None = None
    ends: datetime | None = None
    hours: Hours | None = None
    days: list[Day] = []
    holidays: Holidays = "as_usual"
    valid_from: date | None = None
    valid_to: date | None = None

    @model_validator(mode="after")
    def _one_form(self) -> Window:
        if not (self.areas or self.feeds or self.sensors or self.rules or self.domains or self.tags):
            raise ValueError("name what is worked on: areas, feeds, sensors, rules, domains or tags")
        once = self.starts is not None and self.ends is not None
        if once == (self.hours is not None) or (self.starts is None) != (self.ends is None):
            raise ValueError("give either starts and ends, or hours (and days)")
        if self.starts is not None and self.ends is not None:
            if self.starts.tzinfo or self.ends.tzinfo:
                raise ValueError("starts and ends are local times: write them without Z or an offset")
            if not timedelta(0) < self.ends - self.starts <= timedelta(days=92):
                raise ValueError("it must end after it starts, within 92 days")
        return self


class Windows(Model):
    window: list[Window] = []
