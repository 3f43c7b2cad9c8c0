"""What a series usually does, and will do next: pure functions over numpy arrays, for rules and for charts alike.

Times are int64 microseconds of UTC, rising; values are finite float64. A fit looks only at what lies before the day it
is for, so that the same readings make the same model on any machine, at any time.
"""

from __future__ import annotations
