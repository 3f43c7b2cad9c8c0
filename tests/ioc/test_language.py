from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from babel.messages.pofile import read_po

from ioc import language

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
LATE = datetime(2026, 11, 21, 18, 39, 32, tzinfo=UTC)  # the next day in the Mekong Delta


@pytest.mark.parametrize(
    ("value", "decimals", "lang", "said"),
    [
        (1234.5, 1, "vi", "1.234,5"),
        (1234.5, 1, "lo", "1.234,5"),
        (1234.5, 1, "en", "1,234.5"),
        (1234567, 0, "vi", "1.234.567"),
        (-3.25, 1, "en", "−3.2"),
        (-0.04, 1, "vi", "0,0"),
        (None, 1, "vi", "–"),
        (float("nan"), 1, "en", "–"),
        (1.5, 1, "fr", "1.5"),
    ],
)
def test_numbers_are_written_as_the_reader_writes_them(value, decimals, lang, said):
    assert language.number(value, decimals, lang) == said


@pytest.mark.parametrize(
    ("seconds", "lang", "said"),
    [(53, "vi", "53 giây"), (119, "en", "119 s"), (180, "vi", "3 phút"), (7300, "vi", "2 giờ"), (7300, "lo", "2 ຊົ່ວໂມງ"),
     (4 * 86400, "en", "4 days"), (-5, "en", "0 s")],
)  # fmt: skip
def test_an_age_is_said_in_the_unit_that_matters(seconds, lang, said):
    assert language.age(seconds, lang) == said


def test_times_are_the_citys():
    assert language.local_time(LATE, ZONE, "vi") == "01:39 22/11/2026"
    assert language.local_time(LATE, ZONE, "en", seconds=True) == "22 Nov 2026, 01:39:32"
    assert language.local_date(LATE, ZONE, "vi", weekday=True) == "Chủ Nhật, 22/11/2026"
    assert language.local_time(LATE, ZONE, "lo") == "22/11/2026 01:39"


def test_a_phrase_that_a_language_lacks_is_said_in_english(monkeypatch):
    everything = {"en": {"a": "one", "b.c": "two"}, "vi": {"a": "một"}}
    monkeypatch.setattr(language, "_read", lambda _package, lang: everything[lang])
    found = language.words.__wrapped__("somewhere", "vi")
    assert (found["a"], found["b.c"], found["nowhere"]) == ("một", "two", "nowhere")


@pytest.mark.parametrize("lang", ["vi", "lo"])
def test_the_core_says_everything_in_every_language(lang):
    assert set(language._read("ioc", lang)) == set(language._read("ioc", "en"))


@pytest.mark.parametrize("package", ["ioc", "alerts", "dashboards"])
@pytest.mark.parametrize("lang", ["vi", "lo"])
def test_translators_see_the_english_that_is_spoken(package, lang):
    """A phrase whose English changed is not silently kept in the old sense."""
    folder = Path(language.__file__).parents[1] / package / "words"
    read = {}
    for name in ("en.pot", f"{lang}.po"):
        with (folder / name).open("rb") as file:
            read[name] = {entry.context: entry.id for entry in read_po(file) if entry.context}
    assert read[f"{lang}.po"] == read["en.pot"]
