"""Store -> live snapshot -> screens: one reader of the store, any number of walls and desks."""

from __future__ import annotations
