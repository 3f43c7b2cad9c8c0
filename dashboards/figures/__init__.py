"""Pure functions from rows to figures; one figure a file."""

from __future__ import annotations
