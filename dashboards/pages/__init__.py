"""One page a file: PATH, NAME, ORDER and layout(), registered by dashboards.app."""

from __future__ import annotations
