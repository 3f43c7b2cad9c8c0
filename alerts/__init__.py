"""Store -> rule -> alarm -> mail: what is wrong, who must know, and that they know it once."""

from __future__ import annotations
