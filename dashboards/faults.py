"""What goes wrong while a request is answered: one plain line to who asked, one in the log, never a traceback outside.

Inside Dash's own layer, which would answer with its words and log nothing. What a hostile body leads to is a 400: a
callback's parts come from the browser and may be anything, so an error of kind or value is taken for the sender's; its
place is logged all the same, with the traceback once in a while, for it may be ours.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from dash.exceptions import DashException, PreventUpdate
from fastapi.exceptions import RequestValidationError
from fastapi.responses import PlainTextResponse

from dashboards.callbacks import ForbiddenError
from dashboards.limit import Limit
from dashboards.names import clean
from ioc.errors import IocError, StoreAway, StoreError

if TYPE_CHECKING:
    from fastapi import FastAPI, Request, Response
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = logging.getLogger(__name__)
_SENDERS = (TypeError, ValueError, LookupError, AttributeError, ArithmeticError, AssertionError, RecursionError,
            DashException)  # fmt: skip
_traces = Limit(most=3, per_minute=1)


def handle(server: FastAPI) -> None:
    """To be called before Dash puts its own layer around."""
    server.add_middleware(Faults)
    server.add_exception_handler(RequestValidationError, _parameters)


class Faults:
    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = False

        async def noted(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, receive, noted)
        except PreventUpdate:
            raise
        except Exception as error:
            if begun:
                raise
            await answer(error, scope["path"])(scope, receive, send)


def answer(error: Exception, path: str) -> Response:
    """What is told of an error, and what is logged."""
    if isinstance(error, ForbiddenError):
        return PlainTextResponse(f"{error}\n", 403)
    if isinstance(error, StoreAway):
        return PlainTextResponse("the database is away: try again\n", 503, headers={"Retry-After": "5"})
    if isinstance(error, StoreError):
        log.warning("refused %s: the store says: %s", clean(path), error)
        return PlainTextResponse("the database does not take that\n", 400)
    if isinstance(error, IocError):
        return PlainTextResponse(f"{error}\n", 400)
    senders = isinstance(error, _SENDERS)
    place = _place(error)
    log.log(
        logging.WARNING if senders else logging.ERROR, "%s: %s at %s: %s", clean(path), type(error).__name__, place,
        clean(str(error)), exc_info=error if _traces.allows(place, time.monotonic()) else None,
    )  # fmt: skip
    if senders:
        return PlainTextResponse("this request makes no sense here\n", 400)
    return PlainTextResponse("something went wrong here; the log says what\n", 500)


async def _parameters(_: Request, error: Exception) -> Response:
    """Each parameter that cannot be used, and why, a line each."""
    assert isinstance(error, RequestValidationError)
    faults = [(".".join(map(str, one["loc"][1:])), one["msg"].removeprefix("Value error, ")) for one in error.errors()]
    lines = [f"{clean(place)}: {clean(why)}" for place, why in faults[:20]]
    return PlainTextResponse("\n".join(lines) + "\n", 400)


def _place(error: BaseException) -> str:
    """Where it was raised: the innermost line of ours, else the innermost."""
    trace, ours, last = error.__traceback__ and error.__traceback__.tb_next, "", "nowhere"  # the first is this file
    while trace is not None:
        file = trace.tb_frame.f_code.co_filename
        last = f"{file.rpartition('/')[2]}:{trace.tb_lineno}"
        ours = last if "/dashboards/" in file else ours
        trace = trace.tb_next
    return ours or last
