from __future__ import annotations

import sys

from alerts.painter import Painter

CHART = {
    "points": [[t * 60.0, 1.0 + t / 100, 1.0, 2.0] for t in range(200) if not 50 < t < 80], "last_week": [], "gap": 300.0,
    "raise": 2.5, "clear": 2.0, "raise_label": "Ngưỡng", "clear_label": "Hết", "alarm": [9000.0, None], "start": 0.0,
    "stop": 12000.0, "unit": "m", "decimals": 2, "zone": "Asia/Ho_Chi_Minh", "language": "vi", "title": "ລະດັບນ້ຳ",
    "last_week_label": "x",
}  # fmt: skip


def test_a_chart_is_a_png_of_a_mailable_size(painter):
    png = painter.paint("chart", CHART)
    assert png is not None
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    assert 5_000 < len(png) <= 150_000


def test_a_gap_is_left_open(painter):
    """Without its gap the line is another picture."""
    closed = {**CHART, "gap": 1e9}
    assert painter.paint("chart", CHART) != painter.paint("chart", closed)


def test_what_cannot_be_drawn_costs_no_more_than_itself(painter):
    assert painter.paint("chart", {"points": "nonsense"}) is None
    assert painter.paint("no such picture", {}) is None
    assert painter.paint("chart", {**CHART, "points": []}) is not None


def test_a_worker_that_died_is_started_again(painter):
    painter._process.kill()
    painter._process.wait()
    assert painter.paint("chart", CHART) is not None


def test_a_worker_that_talks_nonsense_or_too_much_gives_no_picture():
    huge = "import sys,struct; sys.stdin.readline(); sys.stdout.buffer.write(struct.pack('!I', 200000) + bytes(200000)); sys.stdout.flush(); sys.stdin.read()"
    for program in ("print('hello')", huge):
        worker = Painter(budget=5, command=[sys.executable, "-c", program])
        assert worker.paint("chart", CHART) is None
        worker.close()


def test_lao_has_letters():
    """Our own font is found and has the Lao alphabet; without it Lao mails would show boxes."""
    from matplotlib.ft2font import FT2Font

    from alerts.paint import FONTS

    [font] = FONTS.glob("*.ttf")
    assert set(map(ord, "ລະດັບນ້ຳເຕືອນ")) <= set(FT2Font(str(font)).get_charmap())


def test_labels_of_a_map_do_not_cover_each_other(painter):
    ground = {"areas": [], "water": [], "roads": [], "lakes": [], "sensors": [], "box": [105.9, 9.55, 106.0, 9.61]}

    def drawn(lat, label):
        alarms = [[9.58, 105.95, 2, "34.8 °C"], [lat, 105.95, 2, label]]
        return painter.paint("map", {**ground, "alarms": alarms})

    assert drawn(9.5801, "34.9 °C") == drawn(9.5801, "")
    assert drawn(9.6, "34.9 °C") != drawn(9.6, "")
