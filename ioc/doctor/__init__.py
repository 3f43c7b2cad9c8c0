"""`ioc doctor`: looks for what is weak, runs out or can be reached from outside, and says the remedy of each.

A room is a file of small checks; a check takes the case and yields findings. Facts are gathered at a room's edge and
judged by pure functions. A check that cannot look says so, and the others go on.
"""

from __future__ import annotations
