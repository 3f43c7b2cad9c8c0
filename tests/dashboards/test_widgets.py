"""What each widget draws, and that one which cannot is alone in that."""

from __future__ import annotations

import json
from datetime import timedelta
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError

import dashboards.widgets
from dashboards import scenes
from dashboards.board import Trace
from dashboards.snapshot import NORMAL, NOTEWORTHY
from dashboards.widgets import image, kpi
from ioc.config.metrics import Metric
from ioc.config.scenes import Scene, Widget
from tests.dashboards.test_snapshot import NOW, scene_city

EVIL = "<img src=x onerror=alert(1)>" + "ữ" * 200


def folder(*widgets, **more):
    scene = Scene(title="S", domains=["d"], widget=list(widgets), rows=40)
    city = SimpleNamespace(tz=ZoneInfo("Asia/Ho_Chi_Minh"), domains={})
    return SimpleNamespace(
        city=city, scenes={"s": scene}, thresholds={}, areas=[], metrics={"level": Metric(name="L")}, **more
    )


def widget(kind, row=1, title="", **options):
    return Widget(kind=kind, at=(1, row, 4, 1), title=title, options=options)


def drawn(*widgets, past=None, alarms=(), events=(), snap=None, **more):
    city, snap = folder(*widgets, **more), snap or scene_city()
    moment = {
        "folder": city,
        "snap": snap,
        "frame": snap.frame(NOW),
        "now": NOW,
        "past": past or {},
        "alarms": alarms,
        "events": events,
    }
    return [node for _, node in scenes.draw(scenes.parts(city), moment)]


def find(node, name):
    """Every element of that tag or class."""
    if not isinstance(node, list):
        return []
    own = [node] if name in node[0].split(".") else []
    return own + [hit for child in node[2:] for hit in find(child, name)]


def test_a_widget_that_fails_says_so_and_the_others_are_drawn(monkeypatch):
    monkeypatch.setattr(kpi, "draw", lambda *_: 1 / 0)
    figure, broken, unknown, wrong = drawn(
        widget("figure", metric="level", sensor="s1"), widget("kpi", 2, metric="level", target=1),
        widget("nonsense", 3), widget("ranking", 4, metric="level", mots=3),
    )  # fmt: skip
    assert find(figure, "value")[0][2] == {"n": 1.0, "d": 2}
    assert "division by zero" in json.dumps(broken)
    assert "nonsense" in json.dumps(unknown)
    assert "mots" in json.dumps(wrong)
    assert all("text.broken" in json.dumps(node) for node in (broken, unknown, wrong))


def test_a_new_widget_is_one_file(tmp_path, monkeypatch):
    (tmp_path / "thermometer.py").write_text(
        "from ioc.config.types import Model\n"
        "class Options(Model):\n    metric: str\n"
        "def draw(options, view):\n    return ['div.thermometer', {}, options.metric]\n"
    )
    monkeypatch.setattr(dashboards.widgets, "__path__", [*dashboards.widgets.__path__, str(tmp_path)])
    assert drawn(widget("thermometer", metric="level")) == [["div.thermometer", {}, "level"]]


@pytest.mark.parametrize("kind", ["figure", "ranking", "kpi"])
def test_a_metric_nobody_knows_is_named(kind):
    more = {"target": 1.0} if kind == "kpi" else {}
    (node,) = drawn(widget(kind, metric="levle", **more))
    assert {"word": "widget.unknown", "values": {"what": "levle"}} in list(leaves(node))


def leaves(node):
    yield node
    children = (
        [*node[2:], *node[1].values()] if isinstance(node, list) and len(node) > 1 and isinstance(node[1], dict) else []
    )
    for child in children:
        yield from leaves(child)


@pytest.mark.parametrize(
    ("value", "good", "target", "state", "word"),
    [(2.0, "above", 2.0, NORMAL, "kpi.met"), (1.9, "above", 2.0, NOTEWORTHY, "kpi.missed"), (2.0, "below", 2.0, NORMAL, "kpi.met"),
     (2.1, "below", 2.0, NOTEWORTHY, "kpi.missed")],
)  # fmt: skip
def test_a_target_is_met_at_the_target_itself(value, good, target, state, word):
    snap = scene_city()
    snap.values[snap.slot[11]] = value
    (node,) = drawn(widget("kpi", metric="level", sensor="s1", target=target, good=good), snap=snap)
    assert node[1]["state"] == state
    assert find(node, "word")[0][2] == {"word": word}


@pytest.mark.parametrize(
    ("minutes", "was", "said"),
    [
        (0, 0.5, "\N{BLACK UP-POINTING TRIANGLE} "),
        (44, 1.5, "\N{BLACK DOWN-POINTING TRIANGLE} "),
        (0, 1.004, "= "),
        (46, 0.5, None),
    ],
)
def test_yesterday_is_the_same_time_yesterday(minutes, was, said):
    points = [[NOW / 1000 - 86_400_000 + minutes * 60_000, was]]
    found = kpi.yesterday(points, 1.0, NOW, 2)
    assert (found and found[2]) == said


def test_a_ranking_holds_what_is_fresh_in_the_order_asked_for():
    (high,) = drawn(widget("ranking", metric="level"))
    (low,) = drawn(widget("ranking", metric="level", order="lowest"))
    names = [[find(row, "what")[0][2]["say"][""] for row in find(node, "rank")] for node in (high, low)]
    assert names == [["S2", "S1"], ["S1", "S2"]]  # S3 has not spoken for an hour


@pytest.mark.parametrize(("by", "amount"), [("mean", 1.5), ("worst", 2.0)])
def test_areas_are_ranked_by_their_mean_or_worst(by, amount):
    (node,) = drawn(widget("ranking", metric="level", by="area", areas_by=by))
    assert [find(row, "amount")[0][2]["n"] for row in find(node, "rank")] == [amount]


def alarm(id_, priority, **more):
    return {"id": id_, "priority": priority, "condition": "true", "suppression": "none", "acked": False, "rule": {"": f"R{id_}"}, "domain": "d",
            "sensor": {"": EVIL}, "feed": None, "value": 1e300, "unit": "m", "decimals": 2, "states": None, "opened": NOW, **more}  # fmt: skip


def test_alarms_put_aside_are_counted_not_listed_and_others_are_dim():
    rows = [
        alarm(1, 1),
        alarm(2, 2, domain="elsewhere"),
        alarm(3, 1, suppression="shelved"),
        alarm(4, 3, condition="false"),
    ]
    (node,) = drawn(widget("alarms"), alarms=rows)
    found = find(node, "alarm")
    assert [row[1]["alarm"] for row in found] == [1, 2, 4]
    assert [".other" in row[0] for row in found] == [False, True, False]
    count = json.dumps(find(node, "count"))
    assert '"crit": {"n": 1' in count
    assert '"n": {"n": 1' in count  # one put aside


def test_what_a_feed_says_stays_text():
    event = {
        "id": 1,
        "kind": EVIL,
        "title": EVIL,
        "severity": 4,
        "domain": "d",
        "area": EVIL,
        "opened": 1,
        "feed": {"": EVIL},
    }
    for node in drawn(
        widget("events"),
        widget("alarms", 2),
        widget("text", 3, title=EVIL, text=EVIL),
        events=[event],
        alarms=[alarm(1, 1)],
    ):
        tags = {leaf[0].split(".")[0] for leaf in leaves(node) if isinstance(leaf, list)}
        assert tags <= {"div", "h2", "span", "p", "b", "li", "@rows", "@sign"}
        assert EVIL in json.dumps(node, ensure_ascii=False)


def test_the_past_of_a_figure_is_that_of_its_own_series():
    city = folder(
        widget("figure", metric="level", sensor="s2"),
        widget("figure", 2, metric="level", aggregate="max"),
        widget("text", 3, text="x"),
    )
    wanted = scenes.wanted(scenes.parts(city), scene_city())
    assert {name: [(t.series, t.how) for t in traces] for name, traces in wanted.items()} == {
        "s/0": [((21,), "mean")],
        "s/1": [((11, 21, 31), "max")],
    }


def test_traces_that_look_back_alike_share_a_query(monkeypatch):
    asked = []
    rows = [{"series": s, "at": 0, "mean": s, "low": s, "high": s} for s in (1, 2)]
    monkeypatch.setattr(scenes.snapshot, "history", lambda _conn, series, *_: asked.append(series) or rows)
    day, quarter = timedelta(days=1), timedelta(minutes=15)
    one, both = Trace((1,), day, quarter, "mean"), Trace((1, 2), day, quarter, "sum")
    assert scenes.read(None, [one, both, one], NOW) == {one: [[0, 1.0]], both: [[0, 3.0]]}
    assert asked == [[1, 2]]


@pytest.mark.parametrize(
    ("at", "why"),
    [
        ([(1, 1, 4, 1), (4, 1, 1, 1)], "overlap"),
        ([(20, 1, 6, 1)], "beyond the grid"),
        ([(1, 12, 1, 2)], "beyond the grid"),
        ([(0, 1, 1, 1)], "greater than or equal to 1"),
    ],
)
def test_a_scene_whose_boxes_do_not_fit_is_refused(at, why):
    with pytest.raises(ValidationError, match=why):
        Scene(title="S", widget=[{"kind": "text", "at": place} for place in at])


def test_a_wall_of_several_screens_has_a_wider_grid():
    assert Scene(title="S", screens=(3, 1), widget=[{"kind": "text", "at": (70, 1, 3, 1)}])


@pytest.mark.parametrize("name", ["../city.toml", "a/b.png", "logo.svg", ".png", "x\n.png"])
def test_an_image_is_a_plain_name_of_a_picture(name):
    with pytest.raises(ValidationError, match="is not the name of a picture"):
        image.Options(file=name)


def test_ranking_reads_no_more_than_it_shows():
    assert len(find(drawn(widget("ranking", metric="level", most=1))[0], "rank")) == 1
