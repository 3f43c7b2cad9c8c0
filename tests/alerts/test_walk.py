from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.walk import Delays, Level, walk


def brute(samples, level, delays, active, used):
    """The definition, word for word: every sample in the last `delay` says so, the first of them is old enough, no gap."""
    found, began = [], 0
    for n, (at, _) in enumerate(samples):
        says = level.back if active else level.beyond
        delay = delays.off if active else delays.on
        first = n
        while first > began and says(samples[first - 1][1]) and samples[first][0] - samples[first - 1][0] <= delays.gap:
            first -= 1
        if says(samples[n][1]) and at - samples[first][0] >= delay and (used is None or at > used):
            active, began = not active, n + 1
            found.append((active, at, samples[first][0]))
    return found


series = st.lists(st.tuples(st.integers(1, 6), st.integers(0, 10)), max_size=40)


@settings(max_examples=400, deadline=None)
@given(
    series,
    st.integers(0, 5),
    st.integers(0, 5),
    st.integers(1, 6),
    st.booleans(),
    st.integers(0, 3),
    st.booleans(),
    st.integers(0, 30),
)
def test_walk_is_the_definition(steps, on, off, gap, active, band, low, used):
    at, samples = 0, []
    for wait, value in steps:
        at += wait
        samples.append((at, float(value)))
    level = Level(5.0, 5.0 + band, -1) if low else Level(5.0, 5.0 - band, 1)
    delays = Delays(on, off, gap)
    got = [(c.active, c.at, c.since) for c in walk(samples, level, delays, active=active, used=used)]
    assert got == brute(samples, level, delays, active, used)


def test_the_peak_is_the_worst_of_the_run():
    samples = [(1, 6.0), (2, 9.0), (3, 7.0), (4, 8.0), (5, 3.0)]
    crossings = list(walk(samples, Level(5, 5), Delays(on=2), active=False))
    assert [(c.active, c.value, c.peak) for c in crossings] == [(True, 7.0, 9.0), (False, 3.0, 8.0)]
