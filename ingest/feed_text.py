"""A proposed feed -> the text of its TOML file, with each guess's reason beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import tomli_w

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ingest.mapping_guess import Reason

_REMINDERS = """
# What nobody can guess; take the sign away and fill in:
# owner = ""           who answers for this feed
# domain = ""          a domain of city.toml, such as air or water_level
# cadence = "5min"     how often one sensor speaks: silence is noticed after five times this
# licence = ""
"""


def write(feed: dict[str, Any], reasons: list[Reason], sure: float, outcome: str) -> str:
    """The file. Tables come last, as TOML wants it."""
    notes = {reason.what: f"{reason.sure:.0%}: {reason.why}" for reason in reasons}
    head = [f"# Proposed from messages, {sure:.0%} sure. {outcome}.", "# Read it, correct it, then it is yours."]
    plain = [_line(key, value, notes.get(key)) for key, value in feed.items() if not isinstance(value, dict)]
    tables = [line for key, value in feed.items() if isinstance(value, dict) for line in _table(key, value, notes)]
    left = [f"# left out: {r.what} ({_one_line(r.why)})" for r in reasons if r.said == "left out"]
    return "\n".join([*head, *plain, _REMINDERS.strip(), *tables, *left, ""])


def metrics_to_add(missing: dict[str, str]) -> str:
    """Comments for what metrics.toml lacks: {metric: unit}."""
    if not missing:
        return ""
    lines = ["# Not in metrics.toml yet: such values are stored without unit, range and name. To be put there:"]
    for name, unit in missing.items():
        lines += [f"# [{_key(name)}]", f"# name = {_inline(name)}", f"# unit = {_inline(unit)}"]
    return "\n".join([*map(_one_line, lines), ""])


def _line(key: str, value: Any, note: str | None) -> str:
    return f"{_key(key)} = {_inline(value)}" + (f"  # {_one_line(note)}" if note else "")


def _table(key: str, table: dict[str, Any], notes: dict[str, str]) -> Iterator[str]:
    yield f"\n[{key}]"
    nested = {name: value for name, value in table.items() if isinstance(value, dict)}
    for name, value in table.items():
        if name not in nested:
            yield _line(name, value, notes.get(name) or notes.get(f"{key}.{name}"))
    for name, value in nested.items():
        yield f"\n[{key}.{_key(name)}]"
        for inner, said in value.items():
            yield _line(inner, said, notes.get(f"{name}.{inner}"))


def _inline(value: Any) -> str:
    """One value on one line."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_key(k)} = {_inline(v)}" for k, v in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(_inline, value)) + "]"
    return tomli_w.dumps({"x": value}).removeprefix("x = ").strip()


def _key(name: str) -> str:
    return tomli_w.dumps({name: 0}).rsplit(" = ", 1)[0].strip()


def _one_line(text: str | None) -> str:
    return (
        " ".join((text or "").split()).encode("utf-8", "replace").decode().translate(dict.fromkeys([*range(32), 127]))
    )
