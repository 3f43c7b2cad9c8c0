"""The life of an alarm: one pure step from a state and an event to the next state, what to record and whom to tell.

Condition, acknowledgement, latch and suppression are independent; the ISA-18.2 letter is derived from them. Telling is
derived as well: people should know "raised" while the condition holds and "resolved" after, unless it is suppressed or
flapping; whatever they know already is not told again, and what could not be told is told once it can.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, NamedTuple, TypeAlias

Condition: TypeAlias = Literal["true", "false", "nodata", "error"]
Suppression: TypeAlias = Literal["none", "shelved", "by_design", "out_of_service"]
Told: TypeAlias = Literal["none", "raised", "resolved"]

# Suppressions in the order in which they give way: the later ones are people's decisions.
_RANK: dict[Suppression, int] = {"none": 0, "by_design": 1, "shelved": 2, "out_of_service": 3}
_ON: dict[str, Suppression] = {
    "hide": "by_design", "shelve": "shelved", "shelve_once": "shelved", "take_out": "out_of_service",
}  # fmt: skip
_OFF: dict[str, Suppression] = {"unhide": "by_design", "unshelve": "shelved", "put_back": "out_of_service"}


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """closed: why the episode is over, "" while it is not. told: what people were last told.

    one_shot: the shelf ends by itself as soon as the condition returns to normal.
    """

    condition: Condition = "true"
    acked: bool = False
    latched: bool = False
    suppression: Suppression = "none"
    flapping: bool = False
    told: Told = "none"
    reopened: int = 0
    one_shot: bool = False
    closed: str = ""

    @property
    def isa(self) -> str:
        """The ISA-18.2 letter: A normal, B unacknowledged, C acknowledged, D returned, E F latched, G H I hidden."""
        if self.closed:
            return "A"
        if self.suppression != "none":
            return {"shelved": "G", "by_design": "H", "out_of_service": "I"}[self.suppression]
        if self.condition != "false":
            return "C" if self.acked else "B"
        if self.latched:
            return "F" if self.acked else "E"
        return "D"


class Step(NamedTuple):
    """The next state, the changes to record in order, and what to tell.

    raised, worsened, reminder, escalated, assigned, flapping, resolved; catch_up: those who were not told yet.
    """

    state: State
    changes: tuple[str, ...] = ()
    tell: tuple[str, ...] = ()


def begin(*, latching: bool, hidden: bool = False, flapping: bool = False, cover: Suppression = "none") -> Step:
    """A condition came true for a target without an open alarm. cover: what puts it aside from the start."""
    how: Suppression = "by_design" if hidden and cover == "none" else cover
    state = State(latched=latching, suppression=how, flapping=flapping)
    covered = {"by_design": ("hidden",), "out_of_service": ("taken_out",)}.get(how, ())
    return _told(state, ("raised", *covered, *(["flapping"] if flapping else [])))


def step(state: State, event: str, *, latching: bool = False, reason: str = "", unheard: bool = False) -> Step:
    """What `event` does to an alarm.

    event: true, false, nodata, error (the condition, as evaluated); ack, reset; shelve/unshelve, shelve_once (until it
    returns to normal), hide/unhide (by design), take_out/put_back (of service); flap_on/flap_off; worse/better (its
    level of several); remind; escalate; assign; expire (nobody acknowledged a returned alarm); close (with a reason:
    its rule changed or was switched off).
    unheard: as it is put aside, no message about it has left yet, so that nobody knows of it.
    """
    if state.closed:
        return Step(state)
    if event in ("true", "false", "nodata", "error"):
        return _condition(state, event, latching=latching)  # type: ignore[arg-type]
    if event in _ON:
        return _suppress(state, _ON[event], event, unheard=unheard)
    return _release(state, _OFF[event], event) if event in _OFF else _otherwise(state, event, reason)


def _otherwise(state: State, event: str, reason: str) -> Step:
    if event in ("flap_on", "flap_off"):
        return _flap(state, on=event == "flap_on")
    if event == "grown":
        return Step(state, () if state.condition == "false" else ("grown",))
    if event in ("worse", "better"):
        return _severity(state, worse=event == "worse")
    return _by_hand(state, event, reason)


def _condition(state: State, now: Condition, *, latching: bool) -> Step:
    before = state.condition
    if now == before or (before == "false" and now != "true"):
        return Step(state)  # no data neither opens nor closes
    if now in ("nodata", "error"):
        return Step(replace(state, condition=now), (now,))
    if now == "false":
        return _cleared(state)
    if before == "false":
        again = replace(state, condition="true", acked=False, latched=latching, reopened=state.reopened + 1)
        return _told(again, ("reraised",))
    return _told(replace(state, condition="true"), ("data_back",))


def _cleared(state: State) -> Step:
    """Back to normal; a shelf that was to last until then ends with it."""
    normal = replace(state, condition="false")
    if not (state.one_shot and state.suppression == "shelved"):
        return _settle(normal, ("cleared",))
    free = replace(normal, suppression="none", one_shot=False)
    changes = ("cleared", "unshelved")
    return _told(free, changes) if state.latched else _close(free, changes, "returned")


def _suppress(state: State, how: Suppression, event: str, *, unheard: bool) -> Step:
    until_normal = event == "shelve_once" and state.condition == "false"  # it is that already
    if _RANK[how] <= _RANK[state.suppression] or until_normal:
        return Step(state)
    told: Told = "none" if unheard and state.told == "raised" else state.told
    change = {"by_design": "hidden", "shelved": "shelved"}.get(how, "taken_out")
    return Step(replace(state, suppression=how, told=told, one_shot=event == "shelve_once"), (change,))


def _release(state: State, what: Suppression, event: str) -> Step:
    """Back to normal or to unacknowledged, by the condition as it is now."""
    if state.suppression != what:
        return Step(state)
    change = {"unhide": "unhidden", "unshelve": "unshelved"}.get(event, "put_back")
    free = replace(state, suppression="none", one_shot=False)
    if state.condition == "false":
        return _told(free, (change,)) if state.latched else _close(free, (change,), "returned")
    step = _told(replace(free, acked=False), (change,))
    if step.tell or state.flapping:
        return step
    # Told before it was put aside. Who put it aside chose an end: all are reminded; else only who missed it is told.
    return step._replace(tell=("catch_up" if what == "by_design" else "reminder",))


def _flap(state: State, *, on: bool) -> Step:
    if on == state.flapping:
        return Step(state)
    if on:
        told = ("flapping",) if state.told != "none" and state.suppression == "none" else ()
        return Step(replace(state, flapping=True), ("flapping",), told)
    return _told(replace(state, flapping=False), ("steady",))


def _severity(state: State, *, worse: bool) -> Step:
    """A worse level is told again and needs to be seen again; a better one is only recorded."""
    if state.condition == "false":
        return Step(state)
    if not worse:
        return Step(state, ("eased",))
    again = replace(state, acked=False)
    quiet = state.suppression != "none" or state.flapping
    return Step(again, ("worsened",)) if quiet else Step(replace(again, told="raised"), ("worsened",), ("worsened",))


def _by_hand(state: State, event: str, reason: str) -> Step:
    if event == "ack" and not state.acked:
        return _settle(replace(state, acked=True), ("acked",))
    if event == "reset" and state.latched and state.condition == "false" and state.acked:
        return _settle(replace(state, latched=False), ("reset",))
    if event == "assign":
        return Step(
            replace(state, told="raised"), ("assigned",), ("assigned",)
        )  # somebody knows now, and is owed the end
    if event == "expire" and state.isa == "D":
        return _close(state, (), "returned")
    if event == "close":
        return _close(replace(state, condition="false", latched=False, suppression="none"), (), reason)
    return _press(state, event)


def _press(state: State, event: str) -> Step:
    """Nothing happened for too long. Nobody is pressed for what is covered, comes and goes, or was never told."""
    if state.suppression != "none" or state.flapping or state.condition == "false":
        return Step(state)
    if event == "remind" and state.condition == "true":
        return Step(replace(state, acked=False), ("reminded",), ("reminder",))
    if event == "escalate" and not state.acked and state.told == "raised":
        return Step(state, ("escalated",), ("escalated",))
    return Step(state)


def _settle(state: State, changes: tuple[str, ...]) -> Step:
    """Over, once it returned to normal and somebody has seen it."""
    over = state.condition == "false" and state.acked and not state.latched and state.suppression == "none"
    return _close(state, changes, "acknowledged") if over else _told(state, changes)


def _close(state: State, changes: tuple[str, ...], reason: str) -> Step:
    return _told(replace(state, closed=reason, flapping=False, one_shot=False), (*changes, "closed"))


def _told(state: State, changes: tuple[str, ...]) -> Step:
    if state.suppression != "none" or state.flapping:
        return Step(state, changes)
    if state.condition == "false":
        owed: Told = "resolved"
        due = state.told == "raised"
    else:
        owed = "raised"
        due = state.told != "raised"
    return Step(replace(state, told=owed), changes, (owed,)) if due else Step(state, changes)
