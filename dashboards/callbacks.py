"""Dash's callback with the right it needs: a caller without it gets 403 and nothing runs."""

from __future__ import annotations

import functools
import logging
from typing import TYPE_CHECKING, Any

import dash
from dash import html

from dashboards import surface
from dashboards.names import clean
from dashboards.viewer import CURRENT
from ioc.access.rights import Right
from ioc.errors import IocError

if TYPE_CHECKING:
    from collections.abc import Callable

    Function = Callable[..., Any]

log = logging.getLogger(__name__)


class ForbiddenError(IocError):
    """The right for this is missing."""


def callback(
    *wiring: Any, needs: Right = Right.LOOK, **options: Any
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """As dash.callback, for an async function. needs: the least right; where some of a page's buttons need
    more, `require` asks for it where it is done.
    """

    def wrap(function: Function) -> Function:
        @functools.wraps(function)
        async def guarded(*given: Any) -> Any:
            require(needs, f"{function.__module__}.{function.__name__}")
            return await function(*given)

        guarded.needs = needs  # type: ignore[attr-defined]  # read by the test that walks them all
        dash.callback(*wiring, **options)(guarded)
        return function

    return wrap


def require(right: Right, what: str = "") -> None:
    """Raises ForbiddenError, which the server answers with 403, unless who is asking has the right."""
    viewer = CURRENT.get()
    if not viewer.may(right):
        log.warning("refused: %s (%s) lacks the right to %s %s", clean(viewer.name), viewer.role, right, what)
        raise ForbiddenError(f"your account ({viewer.role}) lacks the right to {right}")


def page_layout(page: Any) -> Function:
    """The page's layout for those who may see it; Dash asks for it when a link is followed without a request for it."""
    right = surface.page_right(page)

    async def layout(*args: Any, **kwargs: Any) -> Any:
        if not CURRENT.get().may(right):
            from dashboards.parts import word

            return html.Div([html.H1(word("denied.title")), html.P(word("denied.lead"))], className="page-body")
        made = page.layout(*args, **kwargs)
        return await made if hasattr(made, "__await__") else made

    return layout
