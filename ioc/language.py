"""Says numbers, times, ages and fixed phrases the way readers of English, Vietnamese and Lao write them.

What a locale knows (marks in numbers, how a unit is written) is Babel's, asked once a language and then kept.
Phrases are gettext catalogues beside the package that speaks them: `<package>/words/en.pot` holds every key (msgctxt)
with its English (msgid), `<language>.po` what translators made of it. What a language lacks is said in English.
"""

from __future__ import annotations

import math
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, NamedTuple

from babel import Locale
from babel.messages.pofile import read_po
from babel.units import format_compound_unit, format_unit

if TYPE_CHECKING:
    from datetime import datetime, tzinfo

LANGUAGES = {"en": "English", "vi": "Tiếng Việt", "lo": "ລາວ"}
# Units that people write in their own language; the rest (µg/m³, kWh, hPa) are written alike everywhere.
_OWN = {
    "m": "length-meter", "cm": "length-centimeter", "mm": "length-millimeter", "km": "length-kilometer",
    "m³": "volume-cubic-meter", "ha": "area-hectare", "s": "duration-second", "min": "duration-minute",
    "h": "duration-hour", "km/h": "speed-kilometer-per-hour", "m/s": "speed-meter-per-second",
}  # fmt: skip
_OWN_PER_HOUR = {"mm/h": "length-millimeter", "m³/h": "volume-cubic-meter"}
_FEW = 5  # a number that needs no mark and is many in every grammar
_CLOSE = {"%": "{}%", "°C": "{}°C", "°": "{}°"}  # no space before these
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
        entries = [entry for entry in read_po(catalogue) if not entry.fuzzy]
    said = ((e.context, str(e.id if known(lang) == "en" else e.string)) for e in entries)
    return {key: text for key, text in said if key and text}


class Marks(NamedTuple):
    """What stands between whole and decimals, and between thousands."""

    decimal: str
    group: str


@cache
def marks(lang: str) -> Marks:
    """1234.5 is 1,234.5 in English and 1.234,5 in Vietnamese and Lao."""
    found = Locale.parse(known(lang)).number_symbols["latn"]
    return Marks(found["decimal"], found["group"])


@cache
def _swap(lang: str) -> dict[int, str]:
    decimal, group = marks(lang)
    return str.maketrans({".": decimal, ",": group})


def number(value: float | None, decimals: int, lang: str) -> str:
    """1234.5 -> '1,234.5' in English, '1.234,5' in Vietnamese and Lao; a dash where there is no finite number."""
    if value is None or not math.isfinite(value):
        return NOTHING
    if abs(value) >= _HUGE:  # three hundred digits say nothing
        digits, power = f"{abs(value):.2e}".split("e+")
        return f"{MINUS if value < 0 else ''}{digits.translate(_swap(lang))}·10^{power}"
    text = f"{abs(value):,.{max(0, decimals)}f}"
    sign = MINUS if value < 0 and text.strip("0,.") else ""  # never "-0.0"
    return sign + text.translate(_swap(lang))


@cache
def pattern(unit: str, lang: str) -> str:
    """A number with its unit, `{}` standing for the number: '{}°C', '{} km/h', in Lao '{} ກມ/ຊມ'."""
    lang = known(lang)
    if unit in _CLOSE:
        return _CLOSE[unit]
    written = f"{{}} {unit}" if unit else "{}"
    if lang == "en":  # as on any instrument: s, min, h
        return written
    if unit in _OWN:
        written = str(format_unit(_FEW, _OWN[unit], "short", locale=lang))
    elif unit in _OWN_PER_HOUR:
        hourly = format_compound_unit(_FEW, _OWN_PER_HOUR[unit], 1, "hour", "short", locale=lang)
        written = str(hourly or written)
    return " ".join(written.replace(str(_FEW), "{}").replace("\N{NO-BREAK SPACE}", " ").split())


def unit_of(unit: str, lang: str) -> str:
    """The unit alone, as beside a large figure or at an axis: 'm', in Lao 'ມ'."""
    return pattern(unit, lang).replace("{}", "", 1).strip()


def quantity(value: float | None, decimals: int, unit: str | None, lang: str) -> str:
    """A number with its unit; the dash alone where there is no number."""
    said = number(value, decimals, lang)
    return said if not unit or said == NOTHING else pattern(unit, lang).replace("{}", said, 1)


def units(lang: str) -> dict[str, str]:
    """Patterns of the units that are not just the number, a space and the unit, for scripts that write them too."""
    found = {unit: pattern(unit, lang) for unit in (*_CLOSE, *_OWN, *_OWN_PER_HOUR)}
    return {unit: text for unit, text in found.items() if text != f"{{}} {unit}"}


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
