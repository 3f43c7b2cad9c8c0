"""Says numbers, times, ages and fixed phrases the way readers of English, Vietnamese and Lao write them.

Phrases are gettext catalogues beside the package that speaks them: `<package>/words/en.pot` holds every key (msgctxt)
with its English (msgid), `<language>.po` what translators made of it. What a language lacks is said in English.
"""

from __future__ import annotations

import math
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from babel.messages.pofile import read_po

if TYPE_CHECKING:
    from datetime import datetime, tzinfo

LANGUAGES = {"en": "English", "vi": "Tiếng Việt", "lo": "ລາວ"}
_COMMA = {"vi", "lo"}  # 1.234,5; everybody else here writes 1,234.5
_SWAP = str.maketrans(",.", ".,")
_UNITS = ((86400 * 2, 86400, "days"), (3600 * 2, 3600, "hours"), (120, 60, "minutes"), (0, 1, "seconds"))
_HUGE = 1e15
MINUS = "\N{MINUS SIGN}"
NOTHING = "\N{EN DASH}"


class Words(dict[str, str]):
    """Phrases by key, `table.key` for one inside a table. A key that is nowhere is said as it stands."""

    def __missing__(self, key: str) -> str:
        return key


def known(lang: str) -> str:
    """The language if it is spoken here, else English."""
    return lang if lang in LANGUAGES else "en"


@cache
def words(package: str, lang: str) -> Words:
    """Every phrase of `package` in `lang`, English where it has none."""
    return Words(_read(package, "en")) if lang == "en" else Words(_read(package, "en") | _read(package, lang))


def _read(package: str, lang: str) -> dict[str, str]:
    file = files(package) / "words" / ("en.pot" if known(lang) == "en" else f"{lang}.po")
    if not file.is_file():
        return {}
    with file.open("rb") as catalogue:
        entries = [entry for entry in read_po(catalogue) if entry.context and not entry.fuzzy]
    said = ((e.context, str(e.id if known(lang) == "en" else e.string)) for e in entries)
    return {key: text for key, text in said if text}


def number(value: float | None, decimals: int, lang: str) -> str:
    """1234.5 -> '1,234.5' in English, '1.234,5' in Vietnamese and Lao; a dash where there is no finite number."""
    if value is None or not math.isfinite(value):
        return NOTHING
    if abs(value) >= _HUGE:  # three hundred digits say nothing
        digits, power = f"{abs(value):.2e}".split("e+")
        return (
            (MINUS if value < 0 else "")
            + (digits.translate(_SWAP) if known(lang) in _COMMA else digits)
            + f"·10^{power}"
        )
    text = f"{abs(value):,.{max(0, decimals)}f}"
    sign = MINUS if value < 0 and text.strip("0,.") else ""  # never "-0.0"
    return sign + (text.translate(_SWAP) if known(lang) in _COMMA else text)


def age(seconds: float, lang: str) -> str:
    """How long, in the one unit that matters: '53 s', '3 min', '2 giờ'. Up to two of a unit stay in the smaller."""
    seconds = max(0.0, seconds)
    size, key = next((size, key) for least, size, key in _UNITS if seconds >= least)
    return words("ioc", lang)[f"age.{key}"].format(n=number(seconds // size, 0, lang))


def local_time(when: datetime, tz: tzinfo, lang: str, *, seconds: bool = False) -> str:
    """Date and time in `tz`: '21 Nov 2026, 14:05', '14:05 21/11/2026', '21/11/2026 14:05'."""
    return words("ioc", lang)["time.both"].format(
        date=local_date(when, tz, lang), time=local_clock(when, tz, seconds=seconds)
    )


def local_clock(when: datetime, tz: tzinfo, *, seconds: bool = False) -> str:
    """Time of day in `tz`, 24 hours: '14:05' or '14:05:09'."""
    return when.astimezone(tz).strftime("%H:%M:%S" if seconds else "%H:%M")


def local_date(when: datetime, tz: tzinfo, lang: str, *, weekday: bool = False) -> str:
    """The day in `tz`: '21 Nov 2026', '21/11/2026'; with its weekday: 'Thứ Bảy, 21/11/2026'."""
    day, said = when.astimezone(tz), words("ioc", lang)
    text = said["time.date"].format(
        day=day.day, dd=f"{day.day:02}", mm=f"{day.month:02}", month=said[f"month.{day.month}"], year=day.year
    )
    return said["time.weekday_date"].format(weekday=said[f"weekday.{day.isoweekday()}"], date=text) if weekday else text
