"""A city folder -> typed, frozen settings; every fault reported at once.

`folder.load(path)` reads the folder; one module a part of it, each holding the pydantic models of that part.
"""

from __future__ import annotations
