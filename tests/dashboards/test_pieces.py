"""Figures, mails, payloads and phrases: the pure pieces of the screens."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from dashboards import mail
from dashboards.figures import trend
from dashboards.figures.sparkline import bars
from dashboards.pages.feeds import readable
from ioc import language

ROOT = Path(__file__).parents[2] / "dashboards"
START = datetime(2026, 11, 21, 17, 0, tzinfo=UTC)  # midnight in the delta
MINUTE = timedelta(minutes=1)


def rows(*minutes, value=1.0):
    return [{"at": START + m * MINUTE, "mean": value, "low": value, "high": value} for m in minutes]


def drawn(found, levels=()):
    return trend.figure(found, levels, start=START, stop=START + timedelta(hours=6), step=MINUTE, zone=ZoneInfo("Asia/Ho_Chi_Minh"),
                        unit="<m>", decimals=2, nothing="Nothing", comma=True)  # fmt: skip


def test_a_hole_in_the_data_is_a_hole_in_the_line():
    found = drawn(rows(0, 1, 2, 10, 11))
    assert [len(line.x) for line in found.data] == [3, 2]


def test_a_slow_series_has_no_holes_between_its_own_steps():
    assert len(drawn(rows(0, 30, 60, 90)).data) == 1


def test_times_are_drawn_on_the_citys_clock():
    assert drawn(rows(0)).data[0].x[0] == datetime(2026, 11, 22, 0, 0)  # noqa: DTZ001


def test_a_level_is_drawn_with_its_name_as_text():
    found = drawn(rows(0) + rows(1, value=1.5), [trend.Level(name="<b>II</b>", value=1.8, priority=1)])
    assert found.layout.shapes[0].y0 == 1.8
    assert found.layout.annotations[0].text == "&lt;b&gt;II&lt;/b&gt; 1,80"
    assert found.layout.yaxis.title.text == "&lt;m&gt;"


def test_a_level_far_away_does_not_squeeze_the_line_flat():
    varied = rows(0) + rows(1, value=1.2)
    assert drawn(varied, [trend.Level(name="far", value=90, priority=1)]).layout.shapes == ()


def test_no_data_is_said():
    assert drawn([]).layout.annotations[0].text == "Nothing"


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
            re.findall(r"""(?:words|said)\[["']([a-z0-9_.]+)["']\]""", text)
        )
    assert sorted(asked - set(known)) == []
    assert len(asked) > 100
