"""Every address the server answers, and the right it needs. What is not listed is a page, and needs the right to look.

A new route gets its line here in the same commit; tests/dashboards/test_surface.py walks them all as every role.
"""

from __future__ import annotations

from typing import Any

from ioc import plugins
from ioc.access.rights import Right

# Open to everybody, each with its reason. A path that ends in / stands for one more step below it, in _DEEP for any:
# whatever else stands there is a page to Dash.
PUBLIC: dict[str, str] = {
    "/healthz": "a load balancer asks whether the process lives",
    "/readyz": "likewise, whether it can serve",
    "/login": "who is not in yet logs in here",
    "/login/code": "its second step",
    "/logout": "whoever has a session may end it; without one it does nothing",
    "/first/": "a one-time link carries its own secret",
    "/pair": "a screen that nobody has approved yet shows its code",
    "/pair/state": "likewise, and waits",
    "/pair/keep": "a paired screen asks whether it still is",
    "/oidc/": "the way to the city's own log-in, and back",
    "/assets/": "scripts, styles and fonts of the pages; nothing of the city",
    "/favicon.ico": "the browser asks by itself",
    "/_favicon.ico": "likewise",
    "/language/": "sets the language cookie and nothing else",
    "/a/": "a signed link of a mail carries its own right",
    "/u/": "likewise",
    "/_dash-component-suites/": "scripts of the pages, as installed",
}
_DEEP = {"/assets/", "/_dash-component-suites/"}
NEEDS: dict[str, Right] = {
    "/wall": Right.WALL,
    "/wall/": Right.WALL,
    "/ws/live": Right.WALL,
    "/ws/then": Right.WALL,
    "/images/": Right.WALL,
    "/api/city": Right.WALL,
    "/api/points": Right.WALL,
    "/api/points/": Right.WALL,
    "/api/areas": Right.WALL,
    "/api/areas/": Right.WALL,
    "/api/basemap": Right.WALL,
    "/api/basemap/": Right.WALL,
    "/api/openapi.json": Right.LOOK,
    "/api/": Right.LOOK,
    "/export": Right.EXPORT,
    "/mail/": Right.MAIL,
    "/account": Right.LOOK,
    "/account/": Right.LOOK,
    "/metrics": Right.METRICS,
    "/audit/": Right.AUDIT,
    "/": Right.LOOK,
}


def needed(path: str) -> Right | None:
    """The right that a path asks for, by the longest that fits; None is public."""
    for known in _parents(path):
        if known in PUBLIC and (known in _DEEP or "/" not in path[len(known) :]):
            return None
        if known in _PAGES:
            return _PAGES[known]
        if known in NEEDS:
            return NEEDS[known]
    return Right.LOOK


def _parents(path: str) -> list[str]:
    """/a/b -> /a/b, /a/, /: itself, then what it lies below."""
    ends = [i + 1 for i, letter in enumerate(path) if letter == "/"]
    return [path, *(path[:end] for end in reversed(ends))]


def page_right(page: Any) -> Right:
    """What a page module asks for; most are to look at."""
    return getattr(page, "RIGHT", Right.LOOK)


def _pages() -> dict[str, Right]:
    """/rules/<key> is told by what stands before the blank: /rules/."""
    pages = [plugins.load("dashboards.pages", name) for name in plugins.names("dashboards.pages")]
    return {path.partition("<")[0]: page_right(page) for page in pages for path in page.PATHS if path != "/"}


_PAGES: dict[str, Right] = {}


def learn() -> None:
    """Read the pages' rights, once, before the first request."""
    _PAGES.update(_pages())
