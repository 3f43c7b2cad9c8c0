"""Models are made ahead, kept, and the same again when made again."""

from __future__ import annotations

from datetime import timedelta

from alerts import learn
from alerts.learned import Past, from_past
from ioc.models import clock
from ioc.store import models
from tests.alerts import city

HOUR = timedelta(hours=1)
SCOPE = {"metrics": ["water_level"]}


def states(conn):
    return conn.execute("SELECT series_id, name, day::text, state FROM series_model ORDER BY 1, 2, 3").fetchall()


def rules(conn, **given):
    city.add_rule(conn, scope=SCOPE, **given)
    return city.evaluator(conn).rules


def models_clock(conn):
    """The database's clock put back to the days of the test: what counts is how long ago a model was tried."""
    conn.execute("UPDATE series_model SET learned_at = %s - interval '61 min'", (city.START,))
    return city.START


def past(conn, name="s", days=20):
    series = city.add_series(conn, name)
    city.add_past(conn, series, [(city.START - n * HOUR, 10.0 + n % 5) for n in range(24 * days, 0, -1)])
    city.add_reading(conn, series, city.START, 12)
    return series


def test_todays_and_tomorrows_models_once_and_the_same_again(conn):
    past(conn)
    found = rules(conn, kind="anomaly")
    assert learn.turn(conn, found.values(), city.ZONE, city.START, 60) == 2
    assert learn.turn(conn, found.values(), city.ZONE, city.START, 60) == 0
    before = states(conn)
    assert [day for _, _, day, _ in before] == ["2026-03-01", "2026-03-02"]
    conn.execute("DELETE FROM series_model")
    learn.turn(conn, found.values(), city.ZONE, city.START + 6 * HOUR, 60)
    assert states(conn) == before
    learn.forget(conn, city.ZONE, city.START + 96 * HOUR)
    assert [day for _, _, day, _ in states(conn)] == ["2026-03-02"]


def test_what_came_since_yesterday_changes_no_model_and_what_came_late_before_it_does(conn):
    series = past(conn)
    (watched,) = rules(conn, kind="anomaly").values()
    learn.turn(conn, [watched], city.ZONE, city.START, 60)
    before = states(conn)[0][3]
    for shift, same in ((20, True), (60, False)):
        city.add_reading(conn, series, city.START - shift * HOUR - timedelta(minutes=30), 900)
        model, day = learn.model_of(watched), city.START.astimezone(city.ZONE).date()
        learn.learn(conn, model, series, day, city.ZONE, ())
        assert (states(conn)[0][3] == before) is same, shift
    whole = Past(*models.history(conn, series, 0, 2**51))
    assert from_past(model, whole, city.ZONE).of(day).as_json() == states(conn)[0][3], "a back-test makes the same"


def test_too_little_history_is_tried_again_after_an_hour_and_a_turn_ends_with_its_time(conn):
    past(conn, days=2)
    found = rules(conn, kind="anomaly")
    learn.turn(conn, found.values(), city.ZONE, city.START, 60)
    assert [state for *_, state in states(conn)] == [None, None]
    assert learn.turn(conn, found.values(), city.ZONE, city.START, 60) == 0
    assert learn.turn(conn, found.values(), city.ZONE, models_clock(conn), 60) == 2
    for n in range(5):
        past(conn, f"more-{n}", days=3)
    engine = city.evaluator(conn)
    assert learn.turn(conn, engine.rules.values(), city.ZONE, city.START, budget=0) == 1


def test_a_tide_is_learned_by_the_rule_and_drawn_by_the_chart(conn):
    from ioc.store import forecast
    from tests.ioc.test_models import swing

    series = city.add_series(conn, "gauge")
    times = [city.START - timedelta(minutes=15 * n) for n in range(96 * 30, 0, -1)]
    import numpy as np

    values = swing(np.array([round(t.timestamp() * clock.SECOND) for t in times]))
    city.add_past(conn, series, list(zip(times, values.tolist(), strict=True)))
    city.add_reading(conn, series, times[-1], float(values[-1]))
    found = rules(conn, kind="predict", options={"by": "tide", "above": 1.0})
    learn.turn(conn, found.values(), city.ZONE, city.START, 60)
    _, state = models.newest(conn, series, "tide")
    assert set(state["terms"]) >= {"M2", "S2", "K1", "O1"}
    drawn = forecast.forecast(conn, series, city.START, city.ZONE)
    assert drawn.by == "tide"
    assert drawn.quality == state["explained"]
