"""Every address, callback and push channel, asked for as every role: the table below says who may, and nobody else."""

from __future__ import annotations

import json
import re
from types import SimpleNamespace

import pytest
from dash._callback import GLOBAL_CALLBACK_LIST, GLOBAL_CALLBACK_MAP
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from dashboards import app, callbacks, surface
from dashboards.doors import Doors
from dashboards.names import Names
from ioc.access.rights import Right, Role, rights
from ioc.config import folder as city_folder
from ioc.settings import Settings
from tests import services
from tests.dashboards import accounts, seed
from tests.dashboards.conftest import Screens

PEOPLE = "viewer operator integrator manager administrator"
# What is asked for, and who gets it: written by hand, so that a slip in dashboards/surface.py is seen here.
EVERYBODY, WALL = "nobody display " + PEOPLE + " token", "display " + PEOPLE + " token"
LOOK, EXPORT = PEOPLE + " token", "operator integrator manager administrator export"
MAIL, ADMIN = "operator integrator manager administrator", "administrator"
WHO = {
    "/healthz": EVERYBODY, "/readyz": EVERYBODY, "/login": EVERYBODY, "/login/code": EVERYBODY, "/logout": EVERYBODY,
    "/first/{token}": EVERYBODY, "/assets/{path:path}": EVERYBODY, "/_favicon.ico": EVERYBODY,
    "/language/{code}": EVERYBODY, "/a/{token}": EVERYBODY, "/u/{token}": EVERYBODY,
    "/_dash-component-suites/{package_name}/{fingerprinted_path:path}": EVERYBODY,
    "/_dash-component-suites/{package_name:str}/{fingerprinted_path:path}": EVERYBODY,
    "/api/openapi.json": LOOK, "/pair": EVERYBODY, "/pair/state": EVERYBODY, "/pair/keep": EVERYBODY,
    "/oidc/login": EVERYBODY, "/oidc/back": EVERYBODY, "/oidc/out": EVERYBODY, "/oidc/backchannel": EVERYBODY,
    "/oidc/{rest:path}": EVERYBODY,
    "/wall": WALL, "/wall/{scene}": WALL, "/ws/live": WALL, "/ws/then": WALL, "/images/{name}": WALL,
    "/api/city": WALL, "/api/points": WALL, "/api/points/placeless": WALL, "/api/areas": WALL, "/api/basemap": WALL,
    "/export": EXPORT, "/mail/{id_}/{part}": MAIL, "/mailbox": MAIL, "/mailbox/<mail_id>": MAIL, "/metrics": "administrator metrics",
    "/audit": ADMIN, "/audit/export": ADMIN, "/displays": ADMIN, "/people": ADMIN,
}  # fmt: skip
REST = LOOK  # every other page and address
OWN_401 = {"/login", "/login/code", "/pair/keep"}  # they say so of what was sent, not of who sends
ROLES = ["nobody", "display", *PEOPLE.split(), "token read", "token export", "token metrics"]


def may(role: str, path: str) -> bool:
    """role: of people, or `token SCOPE`. A page's address may end in <what it is about>."""
    known = path if path in WHO else path.partition("<")[0].rstrip("/")
    inherited = WALL if path.startswith(("/api/areas", "/api/basemap", "/api/points")) else REST
    names, (kind, _, scope) = WHO.get(known, inherited).split(), role.partition(" ")
    if kind != "token":
        return kind in names
    return scope in names or ("token" in names and (scope in {"read", "export"} or "nobody" in names))


@pytest.fixture(scope="module")
def server():
    """The application as it is served, without a life of its own: for its list of routes and callbacks."""
    settings = Settings(secret=accounts.SECRET)
    context = SimpleNamespace(
        settings=settings, hub=SimpleNamespace(say=lambda *_: None), doors=Doors(None, ""), names=Names(frozenset()),
        folder=city_folder.load(seed.CITY), live=None, caches={},
    )  # fmt: skip
    return app.make(context, lambda: None)


@pytest.fixture(scope="module")
def locked(city_url, tmp_path_factory):
    log = tmp_path_factory.mktemp("surface") / "log"
    served = Screens(city_url, log, IOC_AUTH="", IOC_SECRET=accounts.SECRET).start()
    yield served
    served.stop()


@pytest.fixture(scope="module")
def carried(city_url):
    from ioc.store import database

    with database.connect(city_url, autocommit=True) as conn:
        return {role: accounts.headers(conn, role) for role in ROLES}


def flat(routes):
    """Routes of routers within routers."""
    for one in routes:
        inner = getattr(one, "original_router", None)
        yield from flat(inner.routes) if inner is not None else [one]


def routes(server) -> list[tuple[str, str]]:
    """(method, path) of everything the server answers: its own, Dash's, and the pages."""
    from dashboards.pages import not_found_404  # noqa: F401  a page like any other
    from ioc import plugins

    found = []
    for route in flat(server.routes):
        methods = getattr(route, "methods", None) or {"WS"}
        found += [(m, route.path) for m in sorted(methods) if m not in {"HEAD", "OPTIONS"}]
    for name in plugins.names("dashboards.pages"):
        found += [("GET", path) for path in plugins.load("dashboards.pages", name).PATHS]
    return sorted(set(found))


def example(path: str) -> str:
    return re.sub(r"<\w+>|\{[^}]*\}", "1", path)


def refused(status: int, headers) -> bool:
    to = headers.get("location") or ""
    return status in {401, 403} or (status == 303 and to.startswith(("/login?", "/pair?")))


@pytest.mark.parametrize("role", ROLES)
def test_every_address_answers_whom_it_should_and_nobody_else(server, locked, carried, role):
    wrong = []
    for method, path in routes(server):
        if method == "WS" or path in {"/logout", "/{path:path}", "/_dash-update-component"}:
            continue
        own = carried[role] | ({"Origin": locked.url} if method == "POST" else {})
        status, headers, _ = locked.get(example(path), data=b"" if method == "POST" else None, **own)
        assert status, path
        if refused(status, headers) == may(role, path) and not (path in OWN_401 and status == 401):
            wrong.append(f"{method} {path}: {status} {headers.get('location', '')}")
    assert wrong == []


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("path", ["/ws/live", "/ws/then"])
def test_every_push_channel_opens_for_whom_it_should(locked, carried, role, path):
    allowed = may(role, path)
    try:
        with connect(f"ws://127.0.0.1:{locked.port}{path}", additional_headers={"Origin": locked.url, **carried[role]},
                     open_timeout=5, max_queue=None) as socket:  # fmt: skip
            if path == "/ws/live":
                assert socket.recv(5)
            opened = True
    except (InvalidStatus, ConnectionClosed):
        opened = False
    assert opened == allowed


def wired(server):
    found = {output: entry["callback"] for output, entry in GLOBAL_CALLBACK_MAP.items()}
    assert len(found) > 25
    return found


def test_every_callback_asks_for_a_right(server):
    dash_own = {o for o, f in wired(server).items() if f.__module__.startswith("dash.")}
    assert {o for o, f in wired(server).items() if not isinstance(getattr(f, "needs", None), Right)} - dash_own == set()
    assert all("_pages" in o for o in dash_own)  # the router, which asks each page for its layout


def blank(parts):
    """Inputs or states as a browser would send them, with nothing in them."""
    found = []
    for part in parts:
        id_ = json.loads(part["id"]) if part["id"].startswith("{") else part["id"]
        one = {"id": id_, "property": part["property"], "value": None}
        found.append([one] if isinstance(id_, dict) and ["ALL"] in id_.values() else one)
    return found


@pytest.mark.parametrize("role", ROLES)
def test_every_callback_is_refused_to_whom_lacks_its_right(server, locked, carried, role):
    has, functions, wrong = rights(Role(role.split()[0]), tuple(role.split()[1:])), wired(server), []
    for entry in GLOBAL_CALLBACK_LIST:
        output = entry["output"]
        if {getattr(functions[output], "needs", Right.LOOK), Right.LOOK} <= has:
            continue
        outputs = [
            dict(zip(("id", "property"), part.rsplit(".", 1), strict=True)) for part in output.strip(".").split("...")
        ]
        body = {"output": output, "outputs": outputs if output.startswith("..") else outputs[0],
                "inputs": blank(entry["inputs"]), "state": blank(entry["state"]), "changedPropIds": []}  # fmt: skip
        sent = {"Origin": locked.url, "Content_Type": "application/json", **carried[role]}
        status = locked.get("/_dash-update-component", data=json.dumps(body).encode(), **sent)[0]
        wrong += [f"{output}: {status}"] if status not in {401, 403} else []
    assert wrong == []


def test_what_a_page_hides_its_layout_refuses_too(server, monkeypatch):
    """Following a link asks for no address: Dash fetches the layout by a callback that everybody with a desk may call."""
    from dashboards.pages import mailbox
    from dashboards.viewer import CURRENT, Viewer

    CURRENT.set(Viewer(role=Role.VIEWER, language="en"))
    made = services.run(callbacks.page_layout(mailbox)())
    assert "Not for your account" in str(made)


def test_an_address_that_nobody_listed_is_for_those_who_may_look():
    assert surface.needed("/something/new") is Right.LOOK
    assert surface.needed("/loginx") is Right.LOOK
    assert surface.needed("/assets") is Right.LOOK
    for below in ("/login/x", "/first/secret/x", "/pair/x", "/a/b/c", "/language/vi/x", "/oidc/back/x", "/healthz/x"):
        assert surface.needed(below) is Right.LOOK, below
    assert surface.needed("/api/points/../../metrics") is Right.WALL  # and no route has such a name


def test_an_open_socket_ends_with_its_session(locked, city_url):
    from ioc.store import database, sessions

    with database.connect(city_url, autocommit=True) as conn:
        cookie = accounts.session(conn, Role.VIEWER)
        with connect(
            f"ws://127.0.0.1:{locked.port}/ws/live",
            additional_headers={"Origin": locked.url, "Cookie": cookie},
            max_queue=None,
        ) as socket:
            assert socket.recv(5)
            with conn.transaction():
                sessions.close(conn, cookie.partition("=")[2])
            with pytest.raises(ConnectionClosed) as ended:
                list(socket)  # until it ends
        assert ended.value.rcvd.code == 4401
