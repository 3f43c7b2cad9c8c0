"""One kind of rule a file; `kind = "threshold"` in a rule file means `alerts/rules/threshold.py`.

A kind has
- `Options`: the model of the rule's `options`; an unknown key is a fault.
- `specs(rule, options, packs, day) -> list[Spec]`: the levels it watches, one Spec a level; the rule's scope is applied
  for it. Raises ValueError with what is wrong, for `ioc check`. A kind that does not watch series returns none.
- `evaluate(conn, tick) -> list[Verdict]`: one set-based look at all rules of the kind, in event-time order per target.
  It returns only what differs from the alarms that are open, so an ordinary tick returns next to nothing.
"""

from __future__ import annotations
