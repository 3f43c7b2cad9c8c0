"""Units as people, UCUM, SenML and UN/CEFACT write them."""

from __future__ import annotations

import time

import pytest

from ioc.units import SAME, UnitError, conversion, known

PAIRS = [
    ("°F", "°C", 212, 100), ("CEL", "°C", 21, 21), ("Cel", "degC", 21, 21), ("F", "°C", 32, 0), ("C", "K", 0, 273.15),
    ("GQ", "µg/m3", 5, 5), ("GP", "µg/m³", 0.5, 500), ("ug/m3", "μg/m3", 5, 5), ("mg/m³", "ug/m3", 1, 1000),
    ("P1", "%", 50, 50), ("1", "%", 0.5, 50), ("‰", "%", 5, 0.5), ("%RH", "%", 61, 61), ("ppm", "ppb", 1, 1000),
    ("KMH", "m/s", 36, 10), ("km/h", "m/s", 36, 10), ("kt", "m/s", 1, 0.514444), ("mph", "km/h", 1, 1.609344),
    ("Pa", "hPa", 101325, 1013.25), ("mm[Hg]", "hPa", 760, 1013.25), ("inHg", "hPa", 29.92, 1013.2075), ("mbar", "hPa", 5, 5),
    ("cm", "m", 172, 1.72), ("MMT", "cm", 25, 2.5), ("ft", "m", 1, 0.3048), ("m3/s", "L/s", 1, 1000), ("m³·s⁻¹", "m^3/h", 1, 3600),
    ("mm/h", "mm/h", 3, 3), ("Wh", "kWh", 500, 0.5), ("µS/cm", "mS/cm", 900, 0.9), ("mV", "V", 3300, 3.3),
    ("g/L", "mg/l", 1, 1000), ("d", "h", 1, 24), ("veh/h", "1/min", 60, 1), ("/min", "1/h", 1, 60), ("deg", "°", 90, 90),
]  # fmt: skip


@pytest.mark.parametrize(("source", "target", "value", "wanted"), PAIRS, ids=[f"{a}->{b}" for a, b, *_ in PAIRS])
def test_it_converts(source, target, value, wanted):
    assert conversion(source, target)(value) == pytest.approx(wanted, rel=1e-5)


@pytest.mark.parametrize(("source", "target"), [("kg", "m"), ("ppb", "µg/m3"), ("dB", "m"), ("C", "m"), ("psu", "NTU")])
def test_what_does_not_measure_the_same_is_refused(source, target):
    with pytest.raises(UnitError, match="cannot become"):
        conversion(source, target)


@pytest.mark.parametrize("unit", ["foo", "((((", "9**9**9**9", "m**99999999", "x" * 5000, "__import__('os')", "\0"])
def test_a_unit_nobody_knows_is_refused_at_once(unit):
    began = time.process_time()
    with pytest.raises(UnitError, match="unknown unit"):
        conversion(unit, "m")
    assert time.process_time() - began < 1
    assert not known(unit)


def test_the_same_words_are_the_same_unit_even_when_nobody_knows_them():
    assert conversion("bananas", "bananas") == SAME
    assert conversion("dB(A)", "dBA") == SAME


def test_a_round_factor_stays_round():
    assert conversion("mg/m3", "µg/m3") == (1000.0, 0.0)
    assert conversion("km/h", "m/s")(36.0) == 10.0


def test_a_bare_decibel_says_no_weighting():
    assert conversion("dBA", "dB") == conversion("dB", "dBA") == (1.0, 0.0)
    with pytest.raises(UnitError):
        conversion("dBA", "dBC")
