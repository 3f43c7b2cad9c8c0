"""What each kind of sensor measures: pure functions (world, sensor indices, times) -> one array a metric."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from sample_feeds.chance import Floats, Ints
from sample_feeds.world import World

Columns: TypeAlias = dict[str, Floats]
Model: TypeAlias = Callable[[World, Ints, Floats], Columns]
