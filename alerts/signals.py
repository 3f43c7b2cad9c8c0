"""Rules of the kinds that are a signal: what spoke since the last look, its samples -> points -> verdicts.

The kind turns the series of a target into one (pure); levels, delays, what is not known and what came late are the same
for all of them and are judged in alerts/judge.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from alerts import learn
from alerts.judge import Case, gap, peak, verdicts
from alerts.levels import numbers
from alerts.verdict import SECOND, Input, Wrong, length, micros, moment
from alerts.walk import Delays, Level
from ioc.store import rules as store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from types import ModuleType

    from alerts.learned import Learned
    from alerts.verdict import Limit, Point, Tick, Verdict, Watched
    from ioc.records import Micros
    from ioc.store.database import Connection
    from ioc.store.rules import Facts, Hearing

    Pair = tuple[int, str]

_FUTURE: Micros = 120 * SECOND  # a sample further ahead than this is no reading of now
_LOOK_BACK: Micros = 900 * SECOND  # nothing older than this is judged for the first time


class _Target(NamedTuple):
    """One target with what is known of its inputs. begin: samples after it are needed; since: points after it."""

    watched: Watched
    key: str
    inputs: list[Hearing]
    facts: dict[str, Facts]  # of the usable ones, by the input's name
    delays: Delays
    begin: Micros
    since: Micros
    until: Micros


def evaluate(
    conn: Connection, tick: Tick, kind: str, module: ModuleType, only: Callable[[Watched], bool] = lambda _: True
) -> list[Verdict]:
    """All rules of one signal kind at once, or those that `only` picks."""
    mine = {i: w for i, w in tick.of(kind).items() if only(w)}
    if not mine:
        return []
    spoke = set(tick.spoke) | set(tick.after) | set(tick.late)
    hearing = store.hearing(conn, sorted(spoke), sorted(mine), open_too=tick.full)
    if not hearing:
        return []
    facts = store.facts(conn, sorted({h.series_id for h in hearing}), tick.at)
    asked = _grouped(hearing).items()
    targets = [_target(mine[rule], key, inputs, facts, module, tick) for (rule, key), inputs in asked]
    samples = store.samples(conn, _spans(targets))
    pairs = [(t.watched.id, t.key) for t in targets]
    states = store.states(conn, pairs)
    late = [pair for pair, t in zip(pairs, targets, strict=True) if _late(t, tick) is not None]
    recorded = store.recorded(conn, late, moment(micros(tick.at) - 2 * _LOOK_BACK)) if late else {}
    known = _learned(conn, targets, module, tick)
    found: list[Verdict] = []
    peaks = []
    for pair, target in zip(pairs, targets, strict=True):
        case = _case(target, states[pair], tick, recorded.get(pair, ()))
        inputs = _inputs(target, samples, known.get(target.watched.id, {}))
        points = _points(target, module, inputs, tick)
        found += _judged(case, points, module, target.watched, inputs, tick)
        if (worst := peak(case, points)) is not None and not hasattr(module, "model_of"):
            peaks.append((*pair, worst))
    store.raise_peaks(conn, peaks)
    return found


def _learned(
    conn: Connection, targets: Sequence[_Target], module: ModuleType, tick: Tick
) -> dict[int, Mapping[int, Learned]]:
    """What is kept of the series of each rule of a kind that learns."""
    if not hasattr(module, "model_of"):
        return {}
    found = {}
    for rule, watched in {t.watched.id: t.watched for t in targets}.items():
        mine = [t for t in targets if t.watched.id == rule]
        days = learn.span_days(min(t.since for t in mine), max(t.until for t in mine), tick.zone)
        series = {f.series_id for t in mine for f in t.facts.values()}
        found[rule] = learn.kept(conn, module.model_of(watched.options), series, days, tick.zone)
    return found


def _grouped(hearing: Sequence[Hearing]) -> dict[Pair, list[Hearing]]:
    found: dict[Pair, list[Hearing]] = {}
    for one in hearing:
        found.setdefault((one.rule_id, one.target), []).append(one)
    return found


def names(inputs: Sequence[tuple[str, int]]) -> list[str]:
    """(name, series) -> the key of each input: its name, or name#series where several share it."""
    count: dict[str, int] = {}
    for name, _ in inputs:
        count[name] = count.get(name, 0) + 1
    return [name if count[name] == 1 else f"{name}#{series}" for name, series in inputs]


def _target(
    watched: Watched, key: str, inputs: list[Hearing], facts: Mapping[int, Facts], module: ModuleType, tick: Tick
) -> _Target:
    keys = names([(h.name, h.series_id) for h in inputs])
    usable = {
        k: facts[h.series_id]
        for k, h in zip(keys, inputs, strict=True)
        if h.series_id in facts and (facts[h.series_id].usable or getattr(module, "TAKES_DOUBTFUL", False))
    }
    expected = max((f.expected for f in usable.values() if f.expected is not None), default=None)
    delays = Delays(length(watched.rule.on_delay), length(watched.rule.off_delay), gap(expected))
    now = micros(tick.at)
    until = min(max((f.newest for f in usable.values()), default=now), now + _FUTURE)
    seen = [micros(tick.after[h.series_id]) for h in inputs if h.series_id in tick.after]
    late = [micros(tick.late[h.series_id]) for h in inputs if h.series_id in tick.late]
    longest = max(delays.on, delays.off)
    since = min([until, *seen, *late]) - (longest + delays.gap if longest else 1)
    return _Target(watched, key, inputs, usable, delays, since - length(module.window(watched.options)), since, until)


def _spans(targets: Sequence[_Target]) -> list[Any]:
    """One span a series, wide enough for all that look at it."""
    wide: dict[int, tuple[Micros, Micros]] = {}
    for target in targets:
        for fact in target.facts.values():
            old = wide.get(fact.series_id, (target.begin, target.until))
            wide[fact.series_id] = (min(old[0], target.begin), max(old[1], target.until))
    return [(series, moment(begin), moment(until)) for series, (begin, until) in wide.items()]


def _late(target: _Target, tick: Tick) -> Micros | None:
    return min((micros(tick.late[h.series_id]) for h in target.inputs if h.series_id in tick.late), default=None)


def _inputs(
    target: _Target, samples: Mapping[int, list[tuple[Micros, float]]], known: Mapping[int, Learned]
) -> dict[str, Input]:
    found, levels = {}, _levels(target)
    for name, fact in target.facts.items():
        mine = [s for s in samples.get(fact.series_id, ()) if target.begin < s[0] <= target.until]
        found[name] = Input(mine, fact.expected, known.get(fact.series_id), levels, len(target.inputs))
    return found


def _levels(target: _Target) -> list[Level | None]:
    own = target.inputs[0].levels
    return walked(limits(target.watched) if own is None else own)


def _points(target: _Target, module: ModuleType, inputs: Mapping[str, Input], tick: Tick) -> list[Point]:
    """The signal, or why there is none: a kind that fails for one target does not hold up the others."""
    if not any(fact.fresh for fact in target.facts.values()):
        return []
    try:
        points = list(module.signal(inputs, target.watched.options, target.since))
    except (ArithmeticError, ValueError, LookupError, TypeError) as error:
        points = [(target.until, Wrong(f"{type(error).__name__}: {error}"))]
    if points and isinstance(points[-1][1], Wrong):
        tick.faults[target.watched.id] = f"{target.key}: {points[-1][1]}"
    return points


def _judged(
    case: Case, points: list[Point], module: ModuleType, watched: Watched, inputs: Mapping[str, Input], tick: Tick
) -> Iterator[Verdict]:
    for verdict in verdicts(case, points, tick):
        if verdict.truth in ("true", "false") and hasattr(module, "describe"):
            yield _described(verdict, module.describe(inputs, watched.options, micros(verdict.time)))
        else:
            yield verdict


def _described(verdict: Verdict, said: dict[str, Any]) -> Verdict:
    """With what the kind says of it; `value` and `limit` of a score are shown instead of the score."""
    if "limit" in said:
        verdict = verdict._replace(value=said["value"], peak=said["value"], threshold=said["limit"])
    if verdict.truth == "false":
        return verdict
    return verdict._replace(detail=said, note=str(said.get("note", "")))


def _case(
    target: _Target, state: tuple[str | None, int, Micros | None], tick: Tick,
    recorded: Sequence[tuple[Micros, Micros | None]],
) -> Case:  # fmt: skip
    condition, held, used = state
    first, specs = target.inputs[0], target.watched.specs
    told = specs[first.place].levels if first.levels is not None else next((s.levels for s in specs if s.levels), ())
    return Case(
        rule_id=target.watched.id, target=target.key, levels=_levels(target), delays=target.delays,
        ranks=ranks(target.watched, told), condition=condition, held=held, used=used, until=target.until,
        late=_late(target, tick), recorded=recorded, ids=_ids(target),
        stale=not any(fact.fresh for fact in target.facts.values()),
    )  # fmt: skip


def limits(watched: Watched) -> list[list[Any]]:
    """The levels of a rule whose targets are no series: the first spec that has any."""
    return next(([list(n) for n in numbers(spec.levels)] for spec in watched.specs if spec.levels), [])


def walked(levels: Sequence[Sequence[Any]]) -> list[Level | None]:
    """[[raise, clear, direction], ...] as the walk takes them; None where a sensor lacks that level."""
    return [None if v[0] is None else Level(float(v[0]), float(v[1]), int(v[2])) for v in levels]


def ranks(watched: Watched, levels: Sequence[Limit]) -> tuple[int, ...]:
    """Priorities of the levels, none where there is but one of the rule's own."""
    if len(levels) < 2 and all(level.priority is None for level in levels):
        return ()
    usual = {"critical": 1, "high": 2, "medium": 3, "low": 4}[watched.rule.priority]
    return tuple(level.priority or usual for level in levels)


def _ids(target: _Target) -> dict[str, Any]:
    """What an alarm of this target is about."""
    one = next(iter(target.facts.values()), None)
    kind, _, key = target.key.partition(":")
    if kind == "series":
        return {"series_id": int(key)}
    if kind == "sensor":
        return {"sensor_id": int(key), "feed_id": one.feed_id if one else None}
    return {"area": key} if kind == "area" else {"area": _common({f.area for f in target.facts.values()})}


def _common(areas: set[str | None]) -> str | None:
    return areas.pop() if len(areas) == 1 else None


__all__ = ["evaluate", "limits", "names", "ranks", "walked"]
