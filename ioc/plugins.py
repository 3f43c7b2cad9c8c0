"""Finds parts by file name: `format = "senml"` means `ingest/formats/senml.py`. No registry, no decorator."""

from __future__ import annotations

import sys
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import ModuleType


def names(package: str) -> list[str]:
    """Every part in `package`, sorted; names that start with an underscore are helpers, not parts."""
    module = import_module(package)
    return sorted(m.name for m in iter_modules(module.__path__) if not m.name.startswith("_"))


def load(package: str, name: str) -> ModuleType:
    """Import one part. Raises LookupError that lists what there is."""
    there = sys.modules.get(f"{package}.{name}")
    if there is not None and name.isidentifier() and not name.startswith("_"):
        return there  # a look into the folder for each of thousands of rules would take seconds
    known = names(package)
    if name not in known:
        raise LookupError(f"unknown {package.rsplit('.', 1)[-1].rstrip('s')} {name!r}; there are: {', '.join(known)}")
    return import_module(f"{package}.{name}")
