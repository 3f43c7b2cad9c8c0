"""A screen in words: what it is, shows and may show; and what it can be told, as a menu has it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dash import html

from dashboards import parts, wall
from dashboards.context import current
from dashboards.listing import two
from dashboards.parts import number, text, word

if TYPE_CHECKING:
    from dash.development.base_component import Component

    from ioc.store.displays import Display

ADDRESS, TURN = "address", "turn"  # what it can be told that is no scene


def scene(key: str, part: int = 0) -> str:
    """A scene as people call it, with the number of the screen where it has several."""
    found = current().folder.scenes.get(key)
    title = text(found.title, key) if found else key
    count = found.screens[0] * found.screens[1] if found else part
    return f"{title} {number(part)}/{number(count)}" if part else title


def state(row: Display) -> tuple[Any, str]:
    """Alive or away, and since when."""
    if row.alive:
        return parts.sign("ok", "", word("displays.alive")), parts.when(row.up_since)
    if row.seen_at is None:
        return parts.sign("none", "?", word("displays.never")), ""
    return parts.sign("crit", "×", word("displays.away")), parts.when(row.seen_at)


def shown(row: Display) -> tuple[str, str]:
    """What it shows, as it says itself, and since when."""
    if row.seen_at is None:
        return "–", ""
    return scene(row.scene, row.part) if row.scene else word("displays.nothing"), parts.when(row.since)


def chosen(row: Display) -> str:
    if row.shows is None:
        return word("displays.by_address")
    if len(row.shows) == 1:
        return scene(row.shows[0], row.screen)
    return f"{word('displays.turn')}: {', '.join(map(scene, row.shows)) or word('displays.all')}"


def may(row: Display) -> str:
    return ", ".join(scene(key) for key in row.scenes) or word("displays.every")


def size(row: Display) -> str:
    return f"{row.width}×{row.height}" if row.width else "–"


def pages(row: Display) -> Any:
    """Whether it has loaded the pages and scenes that this server has."""
    if not row.build:
        return "–"
    if row.build == wall.build(current().folder):
        return two(parts.sign("ok", "", word("displays.same")), f" {row.build[:8]}")
    return two(parts.sign("warn", "!", word("displays.other")), f" {row.build[:8]}")


def facts(row: Display) -> Component:
    """All that is known of it."""
    there, since = state(row)
    shows, shows_since = shown(row)
    return parts.facts([
        (word("col.state"), html.Span([there, f" {since}"])),
        (word("col.shows"), f"{shows} · {shows_since}" if shows_since else shows),
        (word("col.chosen"), chosen(row)), (word("col.may"), may(row)), (word("col.size"), size(row)),
        (word("col.address"), row.address or "–"), (word("col.pages"), html.Span(pages(row))),
        (word("displays.last_seen"), parts.when(row.seen_at, seconds=True)),
        (word("displays.paired"), f"{parts.when(row.created_at)} · {row.created_by}"),
    ])  # fmt: skip


def scenes(may: list[str] | None = None, gone: list[str] | None = None) -> list[Any]:
    """Scenes to choose from; gone: those that are bound to it, though the folder has them no more."""
    known = [key for key in current().folder.scenes if not may or key in may]
    return [{"label": scene(key), "value": key} for key in dict.fromkeys([*known, *(gone or [])])]


def choices(may: list[str] | None = None) -> list[Any]:
    """What one screen can be told to show: NUMBER:KEY of a scene, and the two that are none."""
    found = [
        {"label": word("displays.by_address"), "value": ADDRESS},
        {"label": word("displays.turn"), "value": TURN},
    ]
    for key, one in current().folder.scenes.items():
        if not may or key in may:
            count = one.screens[0] * one.screens[1]
            some = range(1, count + 1) if count > 1 else ()
            found += [{"label": scene(key, n), "value": f"{n}:{key}"} for n in (0, *some)]
    return found


def value(row: Display) -> str:
    if row.shows is None:
        return ADDRESS
    return f"{row.screen}:{row.shows[0]}" if len(row.shows) == 1 else TURN


def choice(value: Any) -> tuple[list[str] | None, int]:
    """What one of `choices` means: (scenes, screen). Anything made up is what its address says."""
    if value == TURN:
        return [], 0
    part, _, key = str(value or "").partition(":")
    known = part.isascii() and part.isdigit() and len(part) < 4 and key in current().folder.scenes
    return ([key], int(part)) if known else (None, 0)


def known(scenes: Any) -> list[str]:
    """Names of scenes as a menu gives them."""
    return [str(key)[:100] for key in scenes[:200]] if isinstance(scenes, list) else []
