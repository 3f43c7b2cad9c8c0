"""The life cycle against a table of ISA-18.2 states that knows nothing of its four fields."""

from __future__ import annotations

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
COVER = {"shelve": "G", "hide": "H", "take_out": "I"}
UNCOVER = {"unshelve": "G", "unhide": "H", "put_back": "I"}
STRENGTH = {"": 0, "H": 1, "G": 2, "I": 3}


class Reference:
    """One letter, whether the condition holds, and what covers it."""

    def __init__(self, latching):
        self.table = LATCHING if latching else PLAIN
        self.latching = latching
        self.letter, self.holds, self.cover, self.told = "A", False, "", "none"

    def begin(self):
        self.letter, self.holds, self.told, self.cover = "B", True, "raised", ""

    def event(self, name):
        if self.letter == "A":
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
        self.cover = ""
        if self.holds:
            self.letter = "B"
        elif self.letter[0] not in "EF":
            self.letter = "A"

    def put_cover(self, name):
        if self.letter != "A" and STRENGTH[COVER[name]] > STRENGTH[self.cover]:
            self.cover = COVER[name]

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

    @rule(name=st.sampled_from([*COVER, *UNCOVER]))
    def cover(self, name):
        if self.state is None:
            return
        self._step(name)
        (self.reference.put_cover if name in COVER else self.reference.uncover)(name)

    @rule(on=st.booleans())
    def flap(self, on):
        if self.state is not None:
            self._step("flap_on" if on else "flap_off")

    def _step(self, event):
        step = lifecycle.step(self.state, event, latching=self.latching)
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
            assert s.told == ("resolved" if s.condition == "false" and s.told != "none" else s.told)
            assert s.condition == "false" or s.told == "raised"


TestLifecycle = Machine.TestCase
TestLifecycle.settings = settings(max_examples=150, stateful_step_count=30, deadline=None)


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
