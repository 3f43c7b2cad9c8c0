"""The life cycle against a table of ISA-18.2 states that knows nothing of its four fields."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from ioc import lifecycle

# letter, event -> letter; what is absent changes nothing. "2" stands for what a suppressed alarm would be without it.
PLAIN = {
    ("B", "ack"): "C", ("B", "false"): "D", ("C", "false"): "A", ("D", "ack"): "A", ("D", "true"): "B", ("D", "expire"): "A",
    ("C", "remind"): "B",
}  # fmt: skip
LATCHING = {
    ("B", "ack"): "C", ("B", "false"): "E", ("C", "false"): "F", ("E", "ack"): "F", ("E", "true"): "B", ("F", "true"): "B",
    ("F", "reset"): "A", ("C", "remind"): "B",
}  # fmt: skip
EVENTS = ["true", "false", "nodata", "error", "ack", "reset", "remind", "expire"]
COVER = {"shelve": "G", "shelve_once": "G", "hide": "H", "take_out": "I"}
UNCOVER = {"unshelve": "G", "unhide": "H", "put_back": "I"}
STRENGTH = {"": 0, "H": 1, "G": 2, "I": 3}


class Reference:
    """One letter, whether the condition holds, and what covers it."""

    def __init__(self, latching):
        self.table = LATCHING if latching else PLAIN
        self.latching = latching
        self.letter, self.holds, self.cover, self.told, self.once = "A", False, "", "none", False

    def begin(self):
        self.letter, self.holds, self.told, self.cover = "B", True, "raised", ""

    def event(self, name):
        if self.letter == "A":
            return
        if name == "false" and self.once and self.cover == "G":
            self.holds, self.cover, self.once = False, "", False
            self.letter = {"B": "E", "C": "F"}.get(self.letter, self.letter) if self.latching else "A"
            return
        if name in ("true", "false") and not (self.cover and name == "false" and self.letter in "BC"):
            self.holds = name == "true"
        elif name == "false":
            self.holds = False
        if not self.cover:
            self.letter = self.table.get((self.letter, name), self.letter)
        elif name != "expire" and name != "remind":
            after = self.table.get((self.letter, name), self.letter)
            # Under a cover nothing ends: what would be normal stays returned and seen.
            self.letter = {"A": "D!"}.get(after, after) if after != "A" or self.letter[0] != "D" else "D!"
            if self.letter == "D!" and name == "true":
                self.letter = "B"

    def uncover(self, name):
        if self.letter == "A" or self.cover != UNCOVER[name]:
            return
        self.cover, self.once = "", False
        if self.holds:
            self.letter = "B"
        elif self.letter[0] not in "EF":
            self.letter = "A"

    def put_cover(self, name):
        if name == "shelve_once" and not self.holds:
            return  # "until it is normal": it is
        if self.letter != "A" and STRENGTH[COVER[name]] > STRENGTH[self.cover]:
            self.cover, self.once = COVER[name], name == "shelve_once"

    @property
    def shown(self):
        return self.letter[0] if self.letter == "A" or not self.cover else self.cover


class Machine(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.state = None
        self.log = []

    @rule(latching=st.booleans())
    def begin(self, latching):
        if self.state is None or self.state.closed:
            step = lifecycle.begin(latching=latching)
            self.latching, self.reference = latching, Reference(latching)
            self.reference.begin()
            self.state, self.log = step.state, list(step.tell)

    @rule(event=st.sampled_from(EVENTS))
    def happen(self, event):
        if self.state is None:
            return
        if event in ("nodata", "error") and self.state.condition == "false":
            before = self.state
            assert lifecycle.step(self.state, event, latching=self.latching).state == before, "no data moves nothing"
            return
        quiet = event == "remind" and (self.state.condition != "true" or self.state.flapping)
        before = self.state
        self._step(event)
        if quiet:
            assert self.state == before, "nobody is reminded of what is not known to be true, or flaps"
        else:
            self.reference.event(event)

    @rule(name=st.sampled_from([*COVER, *UNCOVER]), unheard=st.booleans())
    def cover(self, name, unheard):
        if self.state is None:
            return
        before = self.state
        self._step(name, unheard=unheard)
        if before.told == "raised" and self.state.told == "none":
            assert unheard, "only what nobody has heard may be unsaid"
            assert name in COVER
            self.log.pop()
        (self.reference.put_cover if name in COVER else self.reference.uncover)(name)

    @rule(on=st.booleans())
    def flap(self, on):
        if self.state is not None:
            self._step("flap_on" if on else "flap_off")

    @rule(event=st.sampled_from(["worse", "better"]))
    def level(self, event):
        if self.state is None or self.state.closed:
            return
        before = self.state
        step = lifecycle.step(before, event, latching=self.latching)
        if event == "better" or before.condition == "false":
            assert (step.state, step.tell) == (before, ()), "a better level is no news"
            return
        assert not step.state.acked, "a worse level must be seen again"
        assert bool(step.tell) == (before.suppression == "none" and not before.flapping)
        self.state = step.state
        if step.tell and before.told != "raised":
            self.log.append("raised")
        if self.reference.letter == "C":
            self.reference.letter = "B"

    @rule(event=st.sampled_from(["escalate", "assign"]))
    def press(self, event):
        if self.state is None:
            return
        s = self.state
        step = lifecycle.step(s, event, latching=self.latching)
        assert replace(step.state, told=s.told) == s, "telling somebody else changes nothing of the alarm"
        self.state = step.state
        if event == "escalate":
            due = s.told == "raised" and not s.acked and s.suppression == "none" and not s.flapping
            due = due and not s.closed and s.condition != "false"
            assert step.tell == (("escalated",) if due else ()), "nobody is called out for what somebody took on"
        else:
            assert bool(step.tell) == (not s.closed)
            if step.tell and s.told != "raised":
                self.log.append("raised")

    def _step(self, event, *, unheard=False):
        step = lifecycle.step(self.state, event, latching=self.latching, unheard=unheard)
        if self.state.closed:
            assert step.state == self.state
        if step.state.suppression != "none" and not step.state.closed:
            assert not step.tell, "suppressed alarms tell nothing"
        self.state = step.state
        self.log += [t for t in step.tell if t in ("raised", "resolved")]

    @invariant()
    def the_letters_agree(self):
        if self.state is not None:
            assert self.state.isa == self.reference.shown, (self.state, vars(self.reference))

    @invariant()
    def raised_and_resolved_alternate(self):
        if self.state is not None:
            assert self.log == [("raised", "resolved")[i % 2] for i in range(len(self.log))]

    @invariant()
    def who_was_told_raised_is_told_resolved(self):
        if self.state is not None and self.state.closed:
            assert not self.log or self.log[-1] == "resolved", "an alarm is over and somebody was not told"

    @invariant()
    def free_and_steady_means_told_the_truth(self):
        s = self.state
        if s is not None and not s.closed and s.suppression == "none" and not s.flapping:
            given = self.log and self.log[-1] == "raised"  # to somebody, when it was over but not seen
            assert s.condition != "false" or s.told in ("none", "resolved") or given
            assert s.condition == "false" or s.told == "raised"


TestLifecycle = Machine.TestCase
TestLifecycle.settings = settings(max_examples=100, stateful_step_count=30, deadline=None)


def test_data_that_comes_back_is_no_news():
    state = lifecycle.begin(latching=False).state
    gone = lifecycle.step(state, "nodata").state
    back = lifecycle.step(gone, "true")
    assert (back.changes, back.tell) == (("data_back",), ())


def test_a_closed_rule_tells_everybody_once():
    state = lifecycle.begin(latching=False).state
    over = lifecycle.step(state, "close", reason="rule disabled")
    assert over.tell == ("resolved",)
    assert over.state.closed == "rule disabled"
    assert lifecycle.step(over.state, "close", reason="again").tell == ()
