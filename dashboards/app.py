"""Puts the server together: Dash on FastAPI, our routes beside it, the guard before both."""

from __future__ import annotations

import logging
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

import dash
import orjson
from dash import Dash
from dash.backends._fastapi import FastAPIDashServer
from fastapi import FastAPI

from dashboards import (
    account,
    ack,
    audit_export,
    basemap,
    downloads,
    faults,
    login,
    map_routes,
    oidc,
    oidc_rig,
    openapi,
    shell,
    surface,
    viewer,
    wall,
)
from dashboards.callbacks import page_layout
from dashboards.context import use
from dashboards.guard import INSIDE, Guard, policy
from dashboards.packed import Packed
from dashboards.routes import api, router
from ioc import plugins
from ioc.language import words

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from starlette.types import Message

    from dashboards.context import Context

log = logging.getLogger(__name__)


class App(Dash):
    """Dash with our own page around it: language, facts for our scripts."""

    context: Context

    def interpolate_index(self, **parts: Any) -> str:  # type: ignore[override]
        """Every desk page's HTML."""
        language, folder = viewer.language(), self.context.folder
        return wall.TEMPLATES.get_template("desk.html").render(
            language=language, facts=wall.page_facts(folder), words=words("dashboards", language), **parts
        )


def make(context: Context, lifespan: Callable[[], Any]) -> FastAPI:
    """The whole ASGI application. lifespan: an async context manager around its life."""
    use(context)
    oidc_rig.provider()  # a wrong setting is told now, not to the first who logs in
    context.hub.say("hello", orjson.dumps({"type": "hello", "build": wall.build(context.folder)}).decode())

    @asynccontextmanager
    async def living(server: FastAPI) -> AsyncIterator[None]:
        async with lifespan():
            await _warm(server)
            yield

    server = FastAPI(lifespan=living, docs_url=None, redoc_url=None, openapi_url=openapi.ADDRESS)
    openapi.describe(server)
    faults.handle(server)
    server.include_router(login.router)
    server.include_router(account.router)
    server.include_router(map_routes.router)
    server.include_router(api)
    server.include_router(router)
    server.include_router(downloads.router)
    server.include_router(ack.router)
    server.include_router(audit_export.router)
    server.include_router(oidc.router)
    options: Any = {"use_pages": True, "pages_folder": "", "use_async": True, "update_title": None, "title": "IOC",
                    "suppress_callback_exceptions": True, "include_pages_meta": False}  # fmt: skip
    FastAPIDashServer.websocket_capability = False  # its callbacks over a socket: a way in that nothing here needs
    app = App("dashboards", server=server, assets_folder=str(wall.ASSETS), **options)  # type: ignore[arg-type]
    app.context = context
    _register_pages()
    app.layout = shell.layout
    language = context.folder.city.languages[0]
    server.add_middleware(Packed)
    surface.learn()
    server.add_middleware(Guard, doors=context.doors, names=context.names, language=language, csp=lambda: _csp(app),
                          auth=context.settings.auth)  # fmt: skip
    return server


def _register_pages() -> None:
    register: Any = dash.register_page  # its annotations are not the truth
    for name in plugins.names("dashboards.pages"):
        page = plugins.load("dashboards.pages", name)
        for path in page.PATHS:
            parts = {"path_template": path} if "<" in path else {"path": path}
            module = f"dashboards.pages.{name}" + (f".{len(path)}" if path != page.PATHS[0] else "")
            register(module, layout=page_layout(page), name=name, order=page.ORDER, title="IOC", **parts)


def _csp(app: App) -> str:
    return policy(list(app.csp_hashes()), basemap.origins(app.context.folder))


async def _warm(server: FastAPI) -> None:
    """One request to ourselves: Dash registers its routing callbacks only at the first one, and a page that comes
    back after a restart may ask for a callback before any page.
    """
    scope = {"type": "http", "method": "GET", "path": "/", "raw_path": b"/", "query_string": b"", "root_path": "",
             "headers": [(b"host", b"localhost")], "scheme": "http", "server": ("localhost", 80),
             "client": ("127.0.0.1", 0), "http_version": "1.1", "asgi": {"version": "3.0"}, INSIDE: True}  # fmt: skip

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(_: Message) -> None:
        return

    with suppress(Exception):
        await server(scope, receive, send)
