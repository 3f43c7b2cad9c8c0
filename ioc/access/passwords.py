"""Passwords: which may be chosen, how they are kept (argon2id) and checked. Nothing leaves the machine.

A phrase in any script counts by its letters as NFKC has them, so that every keyboard types the same one.
"""

from __future__ import annotations

import hashlib
import os
import unicodedata
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from ioc.errors import AccessError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import BinaryIO

SHORTEST, LONGEST = 12, 128
FEWEST_GUESSES = 10**8  # below, trying what people choose finds it
_GUESSED_LETTERS = 72  # zxcvbn looks at no more; a longer one is hardly worse
_LINE = 80  # bytes: longer than any line of the list, 40 digits, a colon, a count
_HASHER = PasswordHasher()  # RFC 9106's second choice: 64 MiB, three passes, four lanes

Reason = Literal["short", "long", "common", "breached"]
_SAID: dict[Reason, str] = {
    "short": f"a password has at least {SHORTEST} letters; a few words that do not belong together are easy to keep",
    "long": f"a password has at most {LONGEST} letters",
    "common": "this password is too easy to guess: take words or letters that do not belong together, "
    "and not those of the account",
    "breached": "this password is in a list of stolen ones: take another",
}


class WeakPasswordError(AccessError):
    """Not to be chosen; reason: the key of the sentence for screens."""

    def __init__(self, reason: Reason) -> None:
        self.reason = reason
        super().__init__(_SAID[reason])


def check(password: str, about: Iterable[str] = (), breached: str = "") -> None:
    """Whether it may be chosen. about: the account's own words, which are easy to guess; breached: IOC_BREACHED.

    Raises WeakPasswordError; AccessError where the list cannot be read.
    """
    text = normal(password)
    if len(text) < SHORTEST:
        raise WeakPasswordError("short")
    if len(text) > LONGEST:
        raise WeakPasswordError("long")
    if breached and listed(Path(breached), text):
        raise WeakPasswordError("breached")
    if guesses(text, about) < FEWEST_GUESSES:
        raise WeakPasswordError("common")


def guesses(text: str, about: Iterable[str] = ()) -> float:
    """How many tries it takes somebody who knows common passwords, words, dates, keyboards and the account's name."""
    from zxcvbn import zxcvbn

    own = [word for phrase in about for word in (phrase, *phrase.replace("@", " ").split()) if len(word) > 2]
    return float(zxcvbn(text[:_GUESSED_LETTERS], user_inputs=own)["guesses"])


def listed(file: Path, text: str) -> bool:
    """Whether the list holds it: lines of SHA-1 in hex, sorted, each perhaps with `:count`. Reads some thirty lines of
    it, however many gigabytes it has. Raises AccessError where it cannot be read.
    """
    # The list is of SHA-1; nothing is protected by it here.
    wanted = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest().upper().encode()
    try:
        with file.open("rb") as lines:
            return _found(lines, wanted)
    except OSError as error:
        raise AccessError(
            f"IOC_BREACHED: {file} cannot be read ({error.strerror}), so no password can be set"
        ) from error


def _found(lines: BinaryIO, wanted: bytes) -> bool:
    """Halve the file until little is left, and read that."""
    low, high = 0, lines.seek(0, os.SEEK_END)
    while high - low > 4 * _LINE:
        middle = (low + high) // 2
        lines.seek(middle)
        lines.readline(_LINE)  # the rest of a line
        begins, line = lines.tell(), lines.readline(_LINE)
        if line[:40].upper() <= wanted:
            low = begins
        else:
            high = middle
    lines.seek(low)
    return wanted in (line[:40].upper() for line in lines.read(8 * _LINE).split())


def normal(password: str) -> str:
    return unicodedata.normalize("NFKC", password)


def hashed(password: str) -> str:
    """As it is kept; takes about a tenth of a second and 64 MiB on purpose."""
    return _HASHER.hash(_bytes(password))


def right(kept: str, password: str) -> bool:
    """Whether it is the password; where none is kept, no, after as long a time. Never raises."""
    try:
        return _HASHER.verify(kept or _nobodys(), _bytes(password)) and bool(kept)
    except (VerificationError, InvalidHashError):
        return False


def outdated(kept: str) -> bool:
    """Whether it was hashed otherwise than we do now."""
    return _HASHER.check_needs_rehash(kept)


def _bytes(password: str) -> bytes:
    """What is longer than any password is cut: it is wrong anyhow."""
    return normal(password[: 8 * LONGEST]).encode("utf-8", "surrogatepass")


@cache
def _nobodys() -> str:
    """A hash like any other, so that a name nobody has takes as long."""
    return _HASHER.hash(b"nobody's")
