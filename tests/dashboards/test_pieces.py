"""Figures, mails, payloads and phrases: the pure pieces of the screens."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from dashboards import explorer, mail
from dashboards.figures import lines
from dashboards.figures.sparkline import bars
from dashboards.pages.feeds import readable
from ioc import language
from ioc.store.history import Line

ROOT = Path(__file__).parents[2] / "dashboards"
START = datetime(2026, 11, 21, 17, 0, tzinfo=UTC)  # midnight in the delta
MINUTE = timedelta(minutes=1)


ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
SAID = lines.Said(nothing="Nothing", before="a week earlier", ahead="Forecast", language="vi")


def line(*minutes, value=1.0, step=None):
    """A line with a reading at each minute; None is a gap."""
    at = [0 if m is None else m for m in minutes]
    time = np.array([START.replace(tzinfo=None) + m * MINUTE for m in at], dtype="M8[us]")
    values = np.array([np.nan if m is None else value for m in minutes])
    return Line(time, values, values - 0.1, values + 0.1, step)


def series(found, name="S", unit="<m>", **more):
    return lines.Drawn(name=name, unit=unit, decimals=2, line=found, **more)


def drawn(*found, levels=(), shades=(), now=START + timedelta(hours=6)):
    span = lines.Span(start=START, stop=START + timedelta(hours=6), now=now, zone=ZONE)
    return lines.figure(found, levels, shades, span, SAID)


def test_a_hole_in_the_data_is_a_hole_in_the_line():
    found = drawn(series(line(0, 1, None, 10, 11, step=MINUTE)))
    whole = found.data[-1]
    assert whole.connectgaps is False
    assert [math.isnan(y) for y in whole.y] == [False, False, True, False, False]
    assert [len(band.x) for band in found.data[:-1]] == [4, 4]  # nor does the spread bridge it


def test_times_are_drawn_on_the_citys_clock():
    assert drawn(series(line(0))).data[0].x[0] == datetime(2026, 11, 22, 0, 0)  # noqa: DTZ001


def test_a_level_is_drawn_with_its_name_as_text():
    found = drawn(series(line(0, 1)), levels=[lines.Level("<b>II</b>", 1.3, 1, "<m>")])
    assert found.layout.shapes[0].y0 == 1.3
    assert found.layout.annotations[0].text == "&lt;b&gt;II&lt;/b&gt; 1,30"
    assert found.layout.yaxis.title.text == "&lt;m&gt;"


def test_a_level_far_away_does_not_squeeze_the_line_flat():
    assert drawn(series(line(0, 1)), levels=[lines.Level("far", 90, 1, "<m>")]).layout.shapes == ()


def test_units_have_panels_of_their_own_on_one_time_axis():
    found = drawn(series(line(0, 1), "A"), series(line(0, 1), "B", unit="°C"), series(line(0, 1), "C"))
    assert [trace.yaxis for trace in found.data] == ["y", "y2", "y"]
    assert found.layout.yaxis.domain[0] > found.layout.yaxis2.domain[1]
    assert (found.layout.yaxis.anchor, found.layout.yaxis2.anchor) == ("x", "x")
    assert len({trace.line.dash for trace in found.data}) == 3  # never by colour alone


def test_an_alarm_that_stands_is_shaded_up_to_now_and_no_further():
    now = START + timedelta(hours=2)
    found = drawn(series(line(0, 1)), shades=[lines.Shade("A", START - MINUTE, None, 1, "<m>")], now=now)
    edges = [found.layout.shapes[0].x0, found.layout.shapes[0].x1]
    assert edges == [datetime(2026, 11, 22, 0, 0), datetime(2026, 11, 22, 2, 0)]  # noqa: DTZ001


def test_alarms_of_one_rule_that_overlap_are_one_span_and_others_are_apart():
    def alarm(start, stop, name="A"):
        return lines.Shade(name, START + start * MINUTE, stop and START + stop * MINUTE, 1, "<m>")

    many = [alarm(50 + n, None) for n in range(200)]
    found = drawn(series(line(0, 1)), shades=[*many, alarm(0, 10), alarm(20, 30), alarm(5, 25), alarm(40, 45), alarm(0, 9, "B")])  # fmt: skip
    spans = [(one.x0.strftime("%H:%M"), one.x1.strftime("%H:%M")) for one in found.layout.shapes]
    assert spans == [("00:00", "00:30"), ("00:40", "00:45"), ("00:50", "06:00"), ("00:00", "00:09")]
    assert [note.text for note in found.layout.annotations] == ["A", "A", "A", "B"]


def test_last_week_lies_on_this_one_and_says_so():
    found = drawn(series(line(0, 1), before=line(0, 1, value=2.0)))
    assert [(trace.name, trace.line.dash) for trace in found.data] == [("a week earlier", "dot"), ("S", "solid")]


def test_no_data_is_said():
    assert drawn(series(None)).layout.annotations[0].text == "Nothing"


@pytest.mark.parametrize(
    ("moved", "window"),
    [({"xaxis.range[0]": "2026-11-22 07:00:00.1234", "xaxis.range[1]": "2026-11-22 08:00"}, 1.0), ({"xaxis.autorange": True}, "all"),
     ({"autosize": True}, None), ({"xaxis.range[0]": "x", "xaxis.range[1]": "y"}, None), ({"xaxis.range": ["2026-11-22", "2026-11-23"]}, 24.0),
     ({"xaxis.range[0]": "2026-11-22 08:00", "xaxis.range[1]": "2026-11-22 07:00"}, None)],
)  # fmt: skip
def test_a_zoom_asks_for_its_window_on_the_citys_clock(moved, window, monkeypatch):
    monkeypatch.setattr(explorer, "current", lambda: SimpleNamespace(zone=ZONE))
    found = explorer._zoomed(moved)
    assert found == window or round((found[1] - found[0]).total_seconds() / 3600, 2) == window


@pytest.mark.parametrize(
    ("address", "found"),
    [({"series": "3,x,3,-1,5", "span": "7d", "show": "ahead,evil"}, ([3, 5], "7d", ["ahead"], False)), ({"span": "9y"}, ([], "24h", ["levels", "alarms"], False)),
     ({"start": "2026-01-01T00:00:00Z", "stop": "2026-02-01T00:00:00Z"}, ([], "24h", ["levels", "alarms"], True)),
     ({"start": "2026-03-01T00:00:00Z", "stop": "2026-02-01T00:00:00Z"}, ([], "24h", ["levels", "alarms"], False)), ({"start": "0001-01-01T00:00:00+14:00", "stop": "x"}, ([], "24h", ["levels", "alarms"], False))],
)  # fmt: skip
def test_an_address_says_what_is_shown_and_nonsense_is_left_out(address, found):
    asked = explorer.asked(**address)
    assert (asked.series, asked.span, asked.show, asked.window is not None) == found


def test_bars_put_now_at_the_right():
    assert bars({"0": 8, "59": 1}) == "▂" + " " * 18 + "█"
    assert bars({}) == " " * 20


def message():
    found = EmailMessage()
    found["Subject"] = "x"
    found.set_content("Nước lên")
    found.add_alternative("<p>Nước lên</p><img src='cid:chart'><img src='cid:gone'>", subtype="html")
    found.get_payload()[1].add_related(b"\x89PNG", "image", "png", cid="<chart>")
    return found.as_bytes()


def test_a_mail_is_shown_with_its_pictures_inside():
    shown = mail.html(message())
    assert "data:image/png;base64,iVBORw" in shown.replace("iVBORw==", "iVBORw")
    assert "cid:" not in shown
    assert mail.plain(message()).strip() == "Nước lên"


def test_a_shown_mail_may_run_and_load_nothing():
    answer = mail.answer({"mime": message()}, "id", "html")
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    assert "sandbox" in answer.headers["content-security-policy"]


@pytest.mark.parametrize(
    ("payload", "shown"),
    [
        (b'{"v": 1}', '{"v": 1}'),
        ("Mặn".encode(), "Mặn"),
        (b"a\x00\x1b[31m", "a\\x00\\x1b[31m"),
        ("\u202egpj".encode(), "\\u202egpj"),
        (b"\xff\xfe\x01", "0000  ff fe 01                                         ..."),
        (b"x" * 5000, "x" * 4000 + " …"),
    ],
)
def test_a_payload_is_shown_as_harmless_text(payload, shown):
    assert readable(payload) == shown


@pytest.mark.parametrize("lang", ["vi", "lo"])
def test_the_screens_say_everything_in_every_language(lang):
    english, other = language._read("dashboards", "en"), language._read("dashboards", lang)
    assert set(other) == set(english)
    fields = re.compile(r"\{\w+\}")
    assert [k for k in english if sorted(fields.findall(english[k])) != sorted(fields.findall(other[k]))] == []


def test_every_phrase_a_screen_asks_for_is_there():
    known = {**language.words("ioc", "en"), **language.words("dashboards", "en")}
    asked = set()
    for file in [*ROOT.rglob("*.py"), *ROOT.glob("assets/[2-9]*.js"), *ROOT.glob("templates/*.html")]:
        text = file.read_text(encoding="utf-8")
        asked |= set(re.findall(r"""(?:word|IOC\.word)\(["']([a-z0-9_.]+[a-z0-9])["'][,)]""", text)) | set(
            re.findall(r"""(?:words|said)\[["']([a-z0-9_]+\.[a-z0-9_.]+)["']\]""", text)
        )
    assert sorted(asked - set(known)) == []
    assert len(asked) > 100
