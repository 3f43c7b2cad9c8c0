"""A file that is there whole or not at all: written beside its name, and given the name once it is complete."""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from ioc.errors import IocError

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def whole(path: Path) -> Iterator[BinaryIO]:
    """A binary file that gets its name at the end; nothing is left on an error. Raises IocError, OSError."""
    if path.is_dir():
        raise IocError(f"{path} is a folder: name a file in it")
    if not path.parent.is_dir():
        raise IocError(f"there is no folder {path.parent}: make it first")
    number, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".partial", dir=path.parent)
    try:
        with os.fdopen(number, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(0o666 & ~_mask())
        Path(name).replace(path)
    except BaseException:
        with suppress(OSError):
            Path(name).unlink()
        raise


def _mask() -> int:
    mask = os.umask(0o022)
    os.umask(mask)
    return mask
