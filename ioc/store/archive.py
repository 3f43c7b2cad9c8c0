"""A backup as a file: a ZIP of one COPY text a table, and last a manifest that says what must be in it.

Any unzip opens it, and a file that was cut short has no manifest: what cannot be whole is refused before anything is
done with it. Written and read in blocks, whatever its size.
"""

from __future__ import annotations

import hashlib
import os
import zipfile
import zlib
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any

import orjson
from pydantic import BaseModel, ConfigDict, ValidationError

from ioc.errors import IocError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

FORMAT = 1
_MANIFEST = "manifest.json"
_BLOCK = 1 << 18
_LEVEL = 3  # half the time of the usual 6, and hardly more bytes


class ArchiveError(IocError):
    """The backup file cannot be used."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Table(_Frozen):
    """One table: its columns in order, rows, and the SHA-256 of its text."""

    name: str
    columns: list[str]
    rows: int
    sha256: str


class Sequence(_Frozen):
    name: str
    last: int
    called: bool


class Manifest(_Frozen):
    """steps: the schema's, as `schema_step` has them. weeks: table -> [(Monday, rows)]."""

    format: int
    made_at: str
    version: str
    engine: str
    postgres: int
    city: str
    steps: list[str]
    tables: list[Table]
    sequences: list[Sequence]
    weeks: dict[str, list[tuple[str, int]]]

    @property
    def rows(self) -> int:
        return sum(table.rows for table in self.tables)


class Writer:
    """Made by `writing`: `table` for each table, then `finish`."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self.tables: list[Table] = []

    def table(self, name: str, columns: list[str], rows: Iterable[Any], tell: Callable[[int], None]) -> None:
        """Write one table from pieces of COPY text; `tell` hears how many rows were written since it last did."""
        count, digest = 0, hashlib.sha256()
        with self._archive.open(_member(name), "w", force_zip64=True) as out:
            for block in _blocks(rows):
                out.write(block)
                digest.update(block)
                fresh = block.count(b"\n")  # COPY escapes those within a value
                count += fresh
                tell(fresh)
        self.tables.append(Table(name=name, columns=columns, rows=count, sha256=digest.hexdigest()))

    def finish(self, manifest: Manifest) -> None:
        self._archive.writestr(_MANIFEST, orjson.dumps(manifest.model_dump(), option=orjson.OPT_INDENT_2))


@contextmanager
def writing(path: Path) -> Iterator[Writer]:
    """A new archive, there under its name only once it is whole and on the disk. Readable by its owner alone."""
    part = path.with_name(path.name + ".part")
    try:
        with open(part, "wb", opener=_private) as file:
            with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=_LEVEL) as archive:
                yield Writer(archive)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _private(name: str, flags: int) -> int:
    return os.open(name, flags, 0o600)


class Reader:
    """An archive that was opened: its manifest, and its tables in blocks."""

    def __init__(self, archive: zipfile.ZipFile, manifest: Manifest) -> None:
        self._archive, self.manifest = archive, manifest

    def blocks(self, table: Table) -> Iterator[bytes]:
        """The table's COPY text. Raises ArchiveError where it is damaged."""
        try:
            with self._archive.open(_member(table.name)) as file:
                yield from _pieces(file)
        except (OSError, EOFError, KeyError, zipfile.BadZipFile, zlib.error) as error:
            raise ArchiveError(f"the backup is damaged in {table.name}: {error}") from error

    def verify(self, tell: Callable[[int], None]) -> None:
        """Read everything once and compare. Raises ArchiveError."""
        for table in self.manifest.tables:
            count, digest = 0, hashlib.sha256()
            for block in self.blocks(table):
                digest.update(block)
                fresh = block.count(b"\n")
                count += fresh
                tell(fresh)
            if (count, digest.hexdigest()) != (table.rows, table.sha256):
                raise ArchiveError(f"the backup is damaged: {table.name} is not as it was written")


@contextmanager
def reading(path: Path) -> Iterator[Reader]:
    """An archive with a manifest that we understand. Raises ArchiveError, OSError."""
    try:
        with zipfile.ZipFile(path) as archive:
            yield Reader(archive, _manifest(path, archive))
    except zipfile.BadZipFile as error:
        raise ArchiveError(
            f"{path} is not a whole backup: it was cut short, or is something else ({error}). Take another one; "
            "nothing was changed"
        ) from error


def _manifest(path: Path, archive: zipfile.ZipFile) -> Manifest:
    try:
        found = orjson.loads(archive.read(_MANIFEST))
        if isinstance(found, dict) and found.get("format", 0) > FORMAT:
            raise ArchiveError(f"{path} was written by a newer IOC ({found.get('version')}): upgrade this program")
        return Manifest.model_validate(found)
    except (KeyError, ValueError, ValidationError, zlib.error) as error:
        raise ArchiveError(f"{path} is no backup of IOC: it has no manifest that can be read ({error})") from error


def _member(table: str) -> str:
    return f"tables/{table}.copy"


def _blocks(pieces: Iterable[Any]) -> Iterator[bytes]:
    """Single rows gathered to blocks worth compressing."""
    held, size = list[bytes](), 0
    for piece in pieces:
        held.append(bytes(piece))
        size += len(piece)
        if size >= _BLOCK:
            yield b"".join(held)
            held, size = [], 0
    if held:
        yield b"".join(held)


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    while block := file.read(_BLOCK):
        yield block
