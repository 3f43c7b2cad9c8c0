"""One kind of rule a file; `kind = "threshold"` in a rule file means `alerts/rules/threshold.py`.

A kind has
- `Options`: the model of the rule's `options`; an unknown key is a fault.
- `specs(rule, options, known) -> list[Spec]`: what it watches and its levels; the rule's scope is applied for it.
  Raises ValueError with what is wrong, for `ioc check`. A kind that watches no series returns none.
- `resolve(rule, options, known) -> Options`, where options hold what must be looked up first: levels of a pack, units.
- `window(options) -> timedelta`: how far back a judgement looks from its own time, so that `ioc check` can hold it
  against the city's retention. Delays come on top.

and one of the two
- `signal(inputs, options, since) -> Iterable[Point]`, pure: the series of the target turned into the one series that
  its levels judge, at every time after `since` (microseconds) at which an input has a sample, from nothing but samples
  at or before that time. `None` is no data, `Wrong(why)` an error. alerts/signals.py then reads what changed, walks
  levels and delays, and looks again at what came late; a back-test runs the same signal over history. It may have
  `describe(inputs, options, at) -> dict` as well, what pages should know of it.
- `evaluate(conn, tick) -> list[Verdict]`: one set-based look at all rules of the kind, in event-time order per target.
  It returns only what differs from the alarms that are open, so an ordinary tick returns next to nothing.
  `AFTER_OTHERS = True` where it looks at the alarms of other kinds.

A kind may limit its cost: `MOST` is the largest target set of one rule (targets.MOST where absent). A signal kind gets
no series whose data quality is in doubt, unless it says `TAKES_DOUBTFUL = True`.
"""

from __future__ import annotations
