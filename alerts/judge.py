"""A target's points in, its verdicts out: levels, delays, what was recorded before, what came late. Pure.

A back-test replays the same functions over stored history: `episodes(points, levels, delays)` is what the rule would
have said. Times are microseconds UTC.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from alerts.verdict import SECOND, Verdict, Wrong, micros, moment
from alerts.walk import Delays, Level, walk

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from alerts.verdict import Point, Tick, Value
    from ioc.records import Micros

GAP_WITHOUT_CADENCE: Micros = 3600 * SECOND
LATE: Micros = 60 * SECOND  # what is found later than this after it happened counts from its own time
Span = tuple["Micros", "Micros | None"]  # of truth: from, to; None: it still holds


class Turn(NamedTuple):
    """Levels began or ceased to hold with the sample at `at`. held: which hold then, a bit each; level: to show."""

    held: int
    level: int
    at: Micros
    since: Micros
    value: float
    peak: float


class Episode(NamedTuple):
    """The condition held from `start` (of the run) to `end`, None while it still does. level: the worst that held."""

    start: Micros
    decided: Micros
    end: Micros | None
    peak: float
    level: int
    last: float  # the newest value that moved it


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A target to judge. condition, held, used: of its alarm; None, 0 and None without one.

    ranks: the levels' priorities, () where the rule has one level. after: points at or before it were judged already.
    stale: nothing was heard lately. late: since when samples came late; recorded: when it was true, as the alarms say.
    """

    rule_id: int
    target: str
    levels: Sequence[Level | None]
    delays: Delays
    ranks: Sequence[int] = ()
    condition: str | None = None
    held: int = 0
    used: Micros | None = None
    until: Micros = 0
    late: Micros | None = None
    stale: bool = False
    recorded: Sequence[Span] = ()
    ids: dict[str, int | str | None] = field(default_factory=dict)

    @property
    def active(self) -> bool:
        return self.condition in ("true", "nodata", "error")


def gap(expected: Micros | None) -> Micros:
    """How long nothing may be heard without breaking a run of samples."""
    return max(GAP_WITHOUT_CADENCE if expected is None else 2 * expected, SECOND)


def numbers(points: Sequence[Point]) -> list[tuple[Micros, float]]:
    """The points that say something: the unknown neither raises nor clears, and breaks a run only as a gap does."""
    return [(at, value) for at, value in points if isinstance(value, (int, float))]


def turns(
    points: Sequence[tuple[Micros, float]],
    levels: Sequence[Level | None],
    delays: Delays,
    *,
    held: int = 0,
    used: Micros | None = None,
    ranks: Sequence[int] = (),
) -> Iterator[Turn]:
    """Each level is walked on its own; what moves with one sample is one turn."""
    found = [
        (crossing.at, n, crossing)
        for n, level in enumerate(levels)
        if level is not None
        for crossing in walk(points, level, delays, active=bool(held >> n & 1), used=used)
    ]
    found.sort(key=lambda item: item[:2])
    place = 0
    while place < len(found):
        at, end, before = found[place][0], place, held
        while end < len(found) and found[end][0] == at:
            held = held | 1 << found[end][1] if found[end][2].active else held & ~(1 << found[end][1])
            end += 1
        moved = [item[2] for item in found[place:end]]
        shown = worst(held or before, ranks)
        mine = next((item[2] for item in found[place:end] if item[1] == shown), moved[-1])
        yield Turn(held, shown, at, min(c.since for c in moved), moved[-1].value, mine.peak)
        place = end


def worst(held: int, ranks: Sequence[int]) -> int:
    """The level to show: of those that hold the one of the highest priority, the last of equals."""
    those = [n for n in range(held.bit_length()) if held >> n & 1]
    return min(those, key=lambda n: (ranks[n] if n < len(ranks) else 0, -n))


def episodes(
    points: Sequence[Point], levels: Sequence[Level | None], delays: Delays, ranks: Sequence[int] = ()
) -> list[Episode]:
    """When the rule would have held over these points, from a calm start."""
    return _episodes(list(turns(numbers(points), levels, delays, ranks=ranks)), levels, ranks)


def _episodes(found: Sequence[Turn], levels: Sequence[Level | None], ranks: Sequence[int]) -> list[Episode]:
    whole: list[Episode] = []
    for turn in found:
        if whole and whole[-1].end is None:
            last = whole[-1]
            level = last.level if not turn.held else worst(1 << last.level | turn.held, ranks)
            way = levels[level].direction if levels[level] is not None else 1  # type: ignore[union-attr]
            peak = max(last.peak, turn.peak) if way > 0 else min(last.peak, turn.peak)
            whole[-1] = last._replace(end=None if turn.held else turn.at, level=level, peak=peak, last=turn.value)
        elif turn.held:
            whole.append(Episode(turn.since, turn.at, None, turn.peak, turn.level, turn.value))
    return whole


def verdicts(case: Case, points: Sequence[Point], tick: Tick) -> Iterator[Verdict]:
    """In time order: what was over before it was noticed, then what is not known, then what turned."""
    known, used = numbers(points), case.used
    for verdict in _missed(case, known) if case.late is not None else ():
        used = max(micros(verdict.time), used or 0)
        yield verdict
    last = points[-1][1] if points else None
    if (points or case.stale) and not isinstance(last, (int, float)) and case.active:
        yield _unknown(case, last, tick)
        return
    if case.condition in ("nodata", "error") and known:
        yield _verdict(case, "true", known[-1][0], threshold=_threshold(case, worst(case.held or 1, case.ranks)))
    held = (case.held or 1) if case.active else 0
    for turn in turns(known, case.levels, case.delays, held=held, used=used, ranks=case.ranks):
        late = micros(tick.at) - turn.at > LATE and (tick.replay or turn.at < case.until)
        yield _turned(case, turn, late=late)


def peak(case: Case, points: Sequence[Point]) -> float | None:
    """The worst value of a condition that holds; None where it does not, or nothing is known."""
    level = case.levels[worst(case.held or 1, case.ranks)] if case.active else None
    values = [value for at, value in numbers(points) if case.used is None or at >= case.used]
    if level is None or not values:
        return None
    return max(values) if level.direction > 0 else min(values)


def _turned(case: Case, turn: Turn, *, late: bool) -> Verdict:
    rank = case.ranks[turn.level] if case.ranks and turn.held else None
    found = _verdict(case, "true" if turn.held else "false", turn.at, threshold=_threshold(case, turn.level))
    return found._replace(value=turn.value, since=moment(turn.since), peak=turn.peak, late=late, priority=rank,
                          held=turn.held if turn.held and case.ranks else None)  # fmt: skip


def _missed(case: Case, known: Sequence[tuple[Micros, float]]) -> Iterator[Verdict]:
    """Episodes that samples which came late tell of, over by now and in no alarm. A standing alarm is not disturbed."""
    assert case.late is not None
    if case.active:
        return
    for episode in _episodes(list(turns(known, case.levels, case.delays, ranks=case.ranks)), case.levels, case.ranks):
        if episode.end is None or episode.end < case.late or any(_touch(episode, span) for span in case.recorded):
            continue
        begun = Turn(1 << episode.level, episode.level, episode.decided, episode.start, episode.peak, episode.peak)
        yield _turned(case, begun, late=True)
        yield _turned(case, begun._replace(held=0, at=episode.end, value=episode.last), late=True)


def _touch(episode: Episode, span: Span) -> bool:
    return (span[1] is None or episode.start <= span[1]) and (episode.end is None or episode.end >= span[0])


def _unknown(case: Case, last: Value, tick: Tick) -> Verdict:
    wrong, level = isinstance(last, Wrong), _threshold(case, worst(case.held or 1, case.ranks))
    found = _verdict(case, "error" if wrong else "nodata", micros(tick.at), threshold=level)
    return found._replace(note=str(last) if wrong else "")


def _threshold(case: Case, level: int) -> float | None:
    limit = case.levels[level] if level < len(case.levels) else None
    return None if limit is None else limit.raise_at


def _verdict(case: Case, truth: str, at: Micros, *, threshold: float | None) -> Verdict:
    return Verdict(case.rule_id, case.target, truth, moment(at), threshold=threshold, **case.ids)  # type: ignore[arg-type]
