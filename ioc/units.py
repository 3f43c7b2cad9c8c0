"""The unit a payload uses -> the metric's unit, as value * factor + offset.

Units are written as symbols (°C, µg/m³, km/h, %, ‰), as UCUM or SenML codes (Cel, %RH, mm[Hg]), as UN/CEFACT codes as
NGSI carries them (CEL, GQ, P1, KMH), or in words pint knows (degree_Celsius). A conversion is worked out once and kept.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import pint


class UnitError(ValueError):
    """A unit that nobody knows, or two that do not measure the same thing."""


class Conversion(NamedTuple):
    """value * factor + offset."""

    factor: float
    offset: float

    def __call__(self, value: float) -> float:
        return value * self.factor + self.offset


SAME = Conversion(1.0, 0.0)

# UN/CEFACT Recommendation 20, the codes that city data uses (NGSI unitCode).
_UNECE = {
    "CEL": "degC", "FAH": "degF", "KEL": "K", "GQ": "µg/m3", "GP": "mg/m3", "GM": "g/m2", "P1": "%", "C62": "1",
    "59": "ppm", "61": "ppb", "KMH": "km/h", "MTS": "m/s", "KNT": "knot", "HM": "mph", "PAL": "Pa", "A97": "hPa",
    "KPA": "kPa", "MBR": "mbar", "BAR": "bar", "HN": "mmHg", "MMT": "mm", "CMT": "cm", "MTR": "m", "KMT": "km",
    "DMT": "dm", "4H": "µm", "H67": "mm/h", "MQH": "m3/h", "MQS": "m3/s", "G51": "L/s", "L2": "L/min", "LTR": "L",
    "MLT": "mL", "MTQ": "m3", "KWH": "kWh", "WHR": "Wh", "MWH": "MWh", "KWT": "kW", "WTT": "W", "MAW": "MW",
    "D46": "VA", "KVA": "kVA", "KVR": "kvar", "AMP": "A", "4K": "mA", "VLT": "V", "2Z": "mV", "KVT": "kV",
    "OHM": "ohm", "HTZ": "Hz", "KHZ": "kHz", "MHZ": "MHz", "2N": "dB", "DBM": "dBm", "DD": "deg", "C81": "rad",
    "LUX": "lx", "LUM": "lm", "M1": "mg/L", "GL": "g/L", "SEC": "s", "MIN": "min", "HUR": "h", "DAY": "d",
    "C26": "ms", "B98": "µs", "GRM": "g", "KGM": "kg", "TNE": "t", "D54": "W/m2", "G42": "µS/cm", "H61": "mS/cm",
    "D10": "S/m", "Q30": "pH", "JOU": "J", "KJO": "kJ", "MTK": "m2", "HAR": "ha", "KMK": "km2", "X": "1",
    "E32": "L/h", "28": "kg/m2", "NTU": "NTU", "2X": "m/min", "RPM": "rpm",
}  # fmt: skip

# Symbols and the codes of SenML and UCUM -> what pint reads. Case matters: Cel is a temperature, C a charge.
_SYMBOLS = {
    "": "1", "°C": "degC", "℃": "degC", "ºC": "degC", "Cel": "degC", "celsius": "degC", "Celsius": "degC",
    "degrees C": "degC", "deg C": "degC", "[degF]": "degF", "°F": "degF", "℉": "degF", "Fahrenheit": "degF",
    "fahrenheit": "degF", "%RH": "%", "% RH": "%", "%rh": "%", "RH%": "%", "%EL": "%", "EL": "s", "pct": "%",
    "percent": "%", "/": "1", "/100": "%", "‰": "permille", "/1000": "permille", "o/oo": "permille",
    "ppth": "permille", "Ohm": "ohm", "Ω": "ohm", "°": "deg", "degree": "deg", "degrees": "deg", "lat": "deg",
    "lon": "deg", "kmh": "km/h", "kph": "km/h", "kmph": "km/h", "km h-1": "km/h", "kt": "knot", "kts": "knot",
    "kn": "knot", "[kn_i]": "knot", "[mi_i]/h": "mph", "mi/h": "mph", "mm[Hg]": "mmHg", "m[Hg]": "mHg",
    "[in_i'Hg]": "inHg", "mb": "mbar", "[ppm]": "ppm", "[ppb]": "ppb", "[pH]": "pH", "kvar": "kVAR", "var": "VAR",
    "vars": "VAR*s", "varh": "VAR*h", "kvarh": "kVAR*h", "VAs": "VA*s", "kVAh": "kVA*h", "mins": "min", "hrs": "h",
    "sec": "s", "secs": "s", "beat/min": "1/min", "l": "L", "lux": "lx", "cfs": "foot**3/s", "inch": "in",
    "inches": "in", '"': "in", "Watt": "W", "watts": "W", "Volt": "V", "volts": "V", "Bspl": "B", "GB": "gigabyte",
    "KiB": "kibibyte", "MB": "megabyte", "B": "byte", "meters": "m", "metres": "m", "uSv/h": "µSv/h", "T": "tesla",
    "gpm": "gallon/min", "lpm": "L/min", "masl": "m", "m asl": "m", "mNAP": "m",
    "kg*m-2": "kg/m2", "H": "henry", "h": "hour",
}  # fmt: skip

# Temperatures as people write them: right only when the other side is a temperature too.
_LOOSE_TEMPERATURE = {"C": "degC", "F": "degF", "c": "degC", "f": "degF", "K": "K", "k": "K"}

_OWN = (
    "percent = 0.01 = % = pct", "permille = 0.001 = ‰", "ppb = 1e-9", "vehicle = [] = veh", "person = [] = people",
    "psu = [salinity]", "NTU = [turbidity]", "FNU = [turbidity_formazin]", "pH = [acidity]", "VAR = volt * ampere",
    "VA = volt * ampere",
)  # fmt: skip
# Scales whose steps are not linear, or that are mere names: they convert to themselves only.
_OPAQUE = frozenset({"dB", "dBA", "dB(A)", "dBC", "dBm", "dBW", "dBSPL", "AQI", "IAQ", "index", "UVI"})
_WEIGHTED = frozenset({"dBA", "dBC"})  # against a bare dB, which says no weighting, they pass as they are
_ALIKE = {"dB(A)": "dBA", "dB(C)": "dBC", "db": "dB", "dba": "dBA", "DBA": "dBA", "DBM": "dBm", "dbm": "dBm"}


def conversion(source: str, target: str) -> Conversion:
    """How a value in `source` becomes one in `target`. Raises UnitError.

    >>> conversion("degF", "°C")(212.0)
    100.0
    """
    found = _kept(source.strip(), target.strip())
    if isinstance(found, str):
        raise UnitError(found)
    return found


@lru_cache(maxsize=4096)  # payloads name units too: what strangers send must not fill the memory
def _kept(source: str, target: str) -> Conversion | str:
    if _canonical(source) == _canonical(target):
        return SAME
    sides = {_canonical(source), _canonical(target)}
    if "dB" in sides and sides & _WEIGHTED:
        return SAME
    for name in (source, target):
        if _canonical(name) in _OPAQUE:
            return f"{source!r} cannot become {target!r}: {name} converts to nothing else"
    try:
        zero, some, more = (_convert(number, source, target) for number in (0.0, 1e6, 2e6))
    except UnitError as error:
        return str(error)
    if abs((more - some) - (some - zero)) > 1e-9 * abs(more):
        return f"{source!r} to {target!r} is not linear"
    factor = (some - zero) / 1e6 if zero else _convert(1.0, source, target)
    return Conversion(_tidy(factor), _tidy(zero))


def known(unit: str) -> bool:
    """Whether anything could be converted from or to it."""
    try:
        return _canonical(unit.strip()) in _OPAQUE or _parsed(unit.strip()) is not None
    except UnitError:
        return False


def _convert(value: float, source: str, target: str) -> float:
    import pint

    one, two = _parsed(source, target), _parsed(target, source)
    try:
        return float(_registry().Quantity(value, one).to(two).magnitude)
    except pint.PintError as error:
        raise UnitError(f"{source!r} cannot become {target!r}: they do not measure the same thing") from error


def _canonical(unit: str) -> str:
    """One spelling, as far as a table can tell; what it does not know comes back as it is."""
    unit = _ALIKE.get(unit, unit).replace("μ", "µ")
    return _SYMBOLS.get(unit) or _UNECE.get(unit) or unit


def _parsed(unit: str, other: str = "") -> pint.Unit:

    text = _canonical(unit)
    if unit in _LOOSE_TEMPERATURE and _canonical(other) in ("degC", "degF", "K", "kelvin"):
        text = _LOOSE_TEMPERATURE[unit]
    text = _spelled(text)
    if len(unit) > _LONGEST or _COSTLY.search(text):
        raise UnitError(f"unknown unit {unit[:_LONGEST]!r}")
    try:
        return _registry().Unit(text)
    except Exception as error:  # pint raises what its tokenizer raises on text that is no unit
        raise UnitError(f"unknown unit {unit!r}; write it as °C, µg/m3, km/h, %, m3/s, or a UN/CEFACT code") from error


_POWERS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")
_BARE_POWER = re.compile(r"(?<=[A-Za-zµ%])(-?\d)(?![A-Za-z\d])")
_COSTLY = re.compile(r"\d\s*\*\*|\*\*\s*-?\d\d|\*\*\s*\(|\d{7}")  # 9**9**9 would be worked out
_LONGEST = 60
_DOT = re.compile(r"(?<=[\w\)])[.·⋅ ](?=[A-Za-zµ(])")


def _spelled(text: str) -> str:
    """m³·s⁻¹, m3.s-1 and m^3/s as pint's m**3*s**-1."""
    text = text.translate(_POWERS).replace("^", "**").replace("%", "percent").replace("‰", "permille")
    text = _DOT.sub("*", text)
    text = f"1{text}" if text.startswith("/") else text
    return "dimensionless" if text == "1" else _BARE_POWER.sub(r"**\1", text)


@cache
def _registry() -> pint.UnitRegistry[Any]:
    import pint

    registry: pint.UnitRegistry[Any] = pint.UnitRegistry(autoconvert_offset_to_baseunit=True)
    for line in _OWN:
        registry.define(line)
    return registry


def _tidy(number: float) -> float:
    """Without the last bits of pint's arithmetic: 1000.0000000000001 -> 1000.0, but 5/9 stays as it is."""
    short = float(f"{number:.12g}")
    return short if abs(short - number) <= 1e-15 * abs(number) else number
