"""One kind of widget a file; `kind = "figure"` in a scene means `dashboards/widgets/figure.py`. No other file names it.

A kind has
- `Options`: the model of the widget's `options`; an unknown key is a fault. Fields called metric, sensor(s), area(s),
  domains and level(s) are looked up in the city folder by `ioc check`.
- `draw(options, view) -> Node`: what is on the screen now, see `dashboards/node.py`. Pure; called about once a second.
- `traces(options, snap) -> list[Trace]`, where it shows the past: read every twenty seconds. `@spark` and `@chart` draw
  them by their place in the list; `draw` finds them in `view.past`.
- `AHEAD(options) -> timedelta`, where it shows a forecast of its traces as well.
"""

from __future__ import annotations
