"""Desks in a real browser: a sensor's page, the explorer, and what they save."""

from __future__ import annotations

import csv
import io
import json
from urllib.parse import quote

import pytest

pytestmark = pytest.mark.chromium
GAUGE = "muc-nuoc-dai-ngai-song-hau"
PLOT = "document.querySelector('#lines-graph .js-plotly-plot')"
TRACE = f"{PLOT} && {PLOT}.data && {PLOT}.data[{PLOT}.data.length - 1]"


@pytest.fixture
def series(store):
    return store.execute(
        "SELECT se.id FROM series se JOIN sensor s ON s.id = se.sensor_id WHERE s.key = %s ORDER BY se.id LIMIT 1",
        [GAUGE],
    ).fetchone()[0]


def test_a_sensors_page_reads_finer_where_somebody_zooms(window):
    page = window.open(f"/sensor?key={GAUGE}&span=24h", f"{TRACE} && {TRACE}.x.length > 10")
    coarse = page.evaluate(f"{TRACE}.x.length")
    window.until(f"{PLOT}.heard")
    page.evaluate(f"Plotly.relayout({PLOT}, {{'xaxis.range[0]': {TRACE}.x[0], 'xaxis.range[1]': {TRACE}.x[9]}})")
    window.until("document.getElementById('lines-link').href.includes('start=')")
    window.until(f"{TRACE}.x.length < {coarse}")
    start, stop = page.evaluate(f"{PLOT}.layout.xaxis.range")
    assert str(start)[:10] == str(stop)[:10] or start < stop
    page.locator("#lines-span input[value='6h']").click()  # a span is the way back
    window.until("document.getElementById('lines-link').href.includes('span=6h')")


def test_the_explorer_finds_by_plain_letters_and_keeps_its_address(window, series):
    page = window.open(f"/explore?series={series}&span=6h&show=levels", f"{TRACE} && {TRACE}.x.length > 3")
    page.locator("#lines-series").click()
    page.keyboard.type("tran de song hau")
    page.get_by_text("Trần Đề", exact=False).last.click()
    window.until(f"{PLOT}.data.filter(t => t.showlegend).length === 2")
    page.keyboard.press("Escape")
    window.until("/series=\\d+%2C\\d+/.test(location.search) && location.search.includes('span=6h')")
    again = window.open(
        page.url.removeprefix(window.served.url), f"{TRACE} && {PLOT}.data.filter(t => t.showlegend).length === 2"
    )
    assert again.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_what_is_on_screen_is_saved_as_it_is(screens, store, series):
    name = store.execute("SELECT name->>'vi' FROM sensor WHERE key = %s", [GAUGE]).fetchone()[0]
    wanted = store.execute(
        "SELECT count(*) FROM reading WHERE series_id = %s AND time > now() - interval '2 hours' AND time < now()",
        [series],
    ).fetchone()[0]
    start, stop = store.execute("SELECT (now() - interval '2 hours')::timestamptz, now()").fetchone()
    span = f"start={quote(start.isoformat())}&stop={quote(stop.isoformat())}"
    status, headers, body = screens.get(f"/export?series={series}&{span}&format=csv", Cookie="ioc_language=vi")
    rows = list(csv.DictReader(io.StringIO(body.decode("utf-8-sig"))))
    assert (status, len(rows), rows[0]["sensor_name"]) == (200, wanted, name)
    assert "attachment" in headers["content-disposition"]
    found = json.loads(screens.get(f"/export?series={series}&{span}&format=geojson")[2])
    assert (len(found["features"]), found["features"][0]["geometry"]["type"]) == (wanted, "Point")
    assert screens.get(f"/export?series={series}&{span}&format=parquet")[2][:4] == b"PAR1"


@pytest.mark.parametrize(
    ("query", "said"),
    [("format=exe", b"no format"), ("what=passwords", b"to export"), ("series=999999", b"none of these"), ("sensor=nobody", b"no sensor"),
     ("series=1&start=yesterday", b"Invalid isoformat"), ("series=1&start=2026-02-01T00:00:00Z&stop=2026-01-01T00:00:00Z", b"before it begins")],
)  # fmt: skip
def test_a_wish_that_cannot_be_met_is_told(screens, query, said):
    status, _, body = screens.get(f"/export?{query}")
    assert status == 400
    assert said in body


def test_a_sensor_nobody_knows_is_told(window):
    page = window.open("/sensor?key=nobody", "document.querySelector('.page-body .quiet')")
    assert "không còn" in page.locator(".page-body .quiet").inner_text()
