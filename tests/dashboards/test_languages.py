"""Every screen in every language: nothing untranslated, nothing cut off, the same numbers from server and browser."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import axe_playwright_python
import pytest
from babel import Locale

from ioc import language
from ioc.config import folder as city_folder
from ioc.language import words
from tests.dashboards import eyes, seed
from tests.dashboards.conftest import ROOT, Window

SAY = ROOT / "dashboards" / "assets" / "20-say.js"
NUMBERS = [
    0,
    -0.04,
    0.5,
    1.0,
    -3.14159,
    1.5,
    2.5,
    9.5,
    0.25,
    0.35,
    2.675,
    0.0005,
    0.0625,
    999.995,
    1234.5,
    -1234567.891,
    1e14,
    1e15,
    -1.5e300,
    None,
]
UNITS = ["", "m", "cm", "mm/h", "m³/h", "km/h", "°C", "%", "µg/m³", "kWh", "min", "s", "veh/h", "<b>{}"]
AGES = [0, 59, 119, 120, 7199, 7200, 172799, 172800, 4e7]
MOMENTS = ["2026-11-21T16:59:59+00:00", "2026-01-01T17:00:00+00:00", "2024-02-29T00:00:00+00:00"]
ZONES = ["Asia/Ho_Chi_Minh", "Europe/Berlin"]


@pytest.mark.chromium
@pytest.mark.parametrize("lang", ["en", "vi", "lo"])
def test_the_browser_writes_numbers_units_ages_and_times_as_the_server_does(browser, lang):
    facts = {"words": {**words("ioc", lang), **words("dashboards", lang)}, "language": lang, "zone": ZONES[0],
             "marks": list(language.marks(lang)), "units": language.units(lang)}  # fmt: skip
    page = browser.new_page()
    page.evaluate("facts => { const s = document.createElement('script'); s.type = 'application/json'; s.id = 'ioc-page'; s.textContent = facts; document.body.append(s); }", json.dumps(facts))  # fmt: skip
    page.evaluate(SAY.read_text(encoding="utf-8"))
    said = page.evaluate(
        """([numbers, units, ages, moments, zones]) => ({
            numbers: numbers.flatMap(n => [0, 1, 3].map(d => IOC.number(n, d))),
            units: units.flatMap(u => [IOC.quantity(-1234.5, 1, u), IOC.quantity(null, 1, u), IOC.unit(u)]),
            ages: ages.map(s => IOC.age(s)),
            times: moments.flatMap(m => zones.flatMap(z => [IOC.clock(Date.parse(m), true, z), IOC.date(Date.parse(m), false, z), IOC.date(Date.parse(m), true, z)])),
        })""",
        [NUMBERS, UNITS, AGES, MOMENTS, ZONES],
    )
    page.close()
    at = [(datetime.fromisoformat(m).astimezone(UTC), ZoneInfo(z)) for m in MOMENTS for z in ZONES]
    assert said["numbers"] == [language.number(n, d, lang) for n in NUMBERS for d in (0, 1, 3)]
    assert said["units"] == [
        text for u in UNITS
        for text in (language.quantity(-1234.5, 1, u, lang), language.quantity(None, 1, u, lang), language.unit_of(u, lang))
    ]  # fmt: skip
    assert said["ages"] == [language.age(s, lang) for s in AGES]
    assert said["times"] == [
        text for when, zone in at
        for text in (language.local_clock(when, zone, seconds=True), language.local_date(when, zone, lang),
                     language.local_date(when, zone, lang, weekday=True))
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("lang", "said"),
    [("en", ["−1,234.5 m", "27.0°C", "95%", "3.0 mm/h"]), ("vi", ["−1.234,5 m", "27,0°C", "95%", "3,0 mm/giờ"]),
     ("lo", ["−1.234,5 ມ", "27,0°C", "95%", "3,0 ມມ/ຊມ"])],
)  # fmt: skip
def test_numbers_and_units_are_written_as_locals_do(lang, said):
    given = [(-1234.5, 1, "m"), (27, 1, "°C"), (95, 0, "%"), (3, 1, "mm/h")]
    assert [language.quantity(*one, lang) for one in given] == said


@pytest.mark.parametrize("lang", ["en", "vi", "lo"])
def test_days_are_called_what_the_locale_calls_them(lang):
    names = Locale.parse(lang).days["format"]["wide"]
    assert [words("ioc", lang)[f"weekday.{n + 1}"] for n in range(7)] == [names[n] for n in range(7)]
    assert lang != "en" or [words("ioc", "en")[f"month.{n}"] for n in range(1, 13)] == [
        Locale.parse("en").months["format"]["abbreviated"][n] for n in range(1, 13)
    ]


@pytest.mark.parametrize("package", eyes.PACKAGES)
@pytest.mark.parametrize("lang", ["vi", "lo"])
def test_every_phrase_is_translated_and_keeps_what_is_filled_in(package, lang):
    phrases = eyes.phrases(package, lang)
    assert [key for key, (_, said) in phrases.items() if not said] == []
    fields = re.compile(r"\{(\w*)[^}]*\}")
    assert [
        k
        for k, (en, said) in phrases.items()
        if k != "time.date" and sorted(fields.findall(en)) != sorted(fields.findall(said))
    ] == []
    same = [
        k
        for k, (en, said) in phrases.items()
        if en == said and len(re.findall(r"[a-z]{3,}", re.sub(r"\{\w+\}", "", en))) > 1
    ]
    assert same == [], "these are still English"  # fmt: skip


SENSOR = "muc-nuoc-dai-ngai-song-hau"
DESKS = ["/", "/city", "/sensors", f"/sensor?key={SENSOR}", "/explore", "/areas", "/events", "/alarms", "/alarms/1", "/roster", "/rules", "/shelf",
         "/mailbox", "/feeds", "/feeds/buses", "/new-feeds/1", "/quality", "/status", "/displays", "/nowhere"]  # fmt: skip
WALLS = ["/wall/overview", "/wall/water", "/wall/mobility", "/wall/services", "/wall/long_wall?screen=1"]
STANDS = ("window.IOC && IOC.live.painted > 0 && document.querySelector('h1') && !document.querySelector('._dash-loading')"
          " && (!document.getElementById('wall') || [...document.querySelectorAll('.widget')].every(b => b.firstChild))")  # fmt: skip
AXE = Path(axe_playwright_python.__file__).with_name("axe.min.js")
LISTEN = """axe.run(document, {resultTypes: ['violations']}).then(found => found.violations.filter(v => ['serious', 'critical'].includes(v.impact))
    .map(v => 'by ear, ' + v.id + ': ' + v.nodes.slice(0, 3).map(n => n.target.join(' ') + ' ' + n.html.slice(0, 140)).join(' | ')))"""
MENDED = "!document.querySelector('.dash-dropdown-focus-target[tabindex=\"0\"], .dash-options-list[role=listbox]')"


@pytest.fixture(scope="module")
def city_says():
    """Everything the city folder and the store call by name: proper names are said as they stand."""
    return frozenset(_names(city_folder.load(seed.CITY)))


def _names(thing):
    if isinstance(thing, str):
        yield thing
    elif isinstance(thing, dict):
        for key, value in thing.items():
            yield str(key)
            yield from _names(value)
    elif isinstance(thing, (list, tuple, set, frozenset)):
        for value in thing:
            yield from _names(value)
    elif hasattr(type(thing), "model_fields"):
        for name in type(thing).model_fields:
            yield from _names(getattr(thing, name))
    elif hasattr(thing, "__dataclass_fields__"):
        for name in thing.__dataclass_fields__:
            yield from _names(getattr(thing, name))


def looked(window: Window, path: str, lang: str, city: frozenset[str]) -> list[str]:
    """What a reader would complain of on one page, at the sizes it is meant for; by ear in one language for all."""
    sizes = [(1920, 1080)] if path.startswith("/wall") else [(1280, 800), (390, 844)]
    window.page.set_viewport_size(dict(zip(("width", "height"), sizes[0], strict=True)))
    page = window.open(path, STANDS)
    assert page.evaluate("document.documentElement.lang") == lang
    faults = eyes.strangers([tuple(t) for t in page.evaluate(eyes.TEXTS)], lang, city)
    if lang == "vi" and path not in WALLS[2:]:
        window.until(MENDED)
        page.evaluate(AXE.read_text(encoding="utf-8"))
        faults += page.evaluate(LISTEN)
    for width, height in sizes:
        page.set_viewport_size({"width": width, "height": height})
        page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
        faults += [f"cut off at {width}: {x}" for x in page.evaluate(eyes.CLIPPED)]
        wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        faults += [f"{wide} px too wide at {width}"] if wide > 0 else []
    return [f"{path}: {fault}" for fault in faults]


@pytest.mark.chromium
@pytest.mark.parametrize("lang", ["vi", "lo"])
@pytest.mark.parametrize("part", [DESKS[:7], DESKS[7:13], DESKS[13:], WALLS], ids=["city", "alarms", "data", "walls"])
def test_no_page_is_untranslated_or_cut_off_or_has_a_serious_fault_for_who_reads_by_ear(
    window, store, city_says, lang, part
):
    window.context.add_cookies([{"name": "ioc_language", "value": lang, "url": window.served.url}])
    said = store.execute("SELECT name FROM sensor UNION ALL SELECT name FROM feed UNION ALL SELECT name FROM rule UNION ALL SELECT settings FROM rule").fetchall()  # fmt: skip
    named = frozenset(text for (one,) in said for text in _names(one))
    faults = [f for path in part for f in looked(window, path, lang, city_says | named)]
    window.faults = [f for f in window.faults if "404" not in f]  # the page that is nowhere
    assert faults == []


@pytest.mark.chromium
def test_the_fonts_of_a_language_are_ours_and_are_used(window):
    """Whatever the machine has: glyphs come from the files that are shipped."""
    for lang, font in (("vi", "Be Vietnam Pro"), ("lo", "Noto Sans Lao")):
        window.context.add_cookies([{"name": "ioc_language", "value": lang, "url": window.served.url}])
        page = window.open("/wall/overview", STANDS)
        tool = window.context.new_cdp_session(page)
        tool.send("DOM.enable")
        tool.send("CSS.enable")
        root = tool.send("DOM.getDocument", {"depth": -1})["root"]["nodeId"]
        for place in ("#top h1", ".widget .label", ".widget .head", "#date"):
            node = tool.send("DOM.querySelector", {"nodeId": root, "selector": place})["nodeId"]
            fonts = tool.send("CSS.getPlatformFontsForNode", {"nodeId": node})["fonts"]
            assert all(f["isCustomFont"] for f in fonts), (lang, place, fonts)
            assert place == "#date" or any(font in f["familyName"] for f in fonts), (lang, place, fonts)
        tool.detach()
