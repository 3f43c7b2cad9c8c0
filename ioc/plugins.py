"""Finds parts by file name: `format = "senml"` means `ingest/formats/senml.py`. No registry, no decorator."""

from __future__ import annotations

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
    known = names(package)
    if name not in known:
        raise LookupError(f"unknown {package.rsplit('.', 1)[-1].rstrip('s')} {name!r}; there are: {', '.join(known)}")
    return import_module(f"{package}.{name}")
