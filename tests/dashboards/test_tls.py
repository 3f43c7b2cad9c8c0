"""The screens over https: shown to who trusts the authority and calls it by its name, renewed without a restart."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
import urllib.error
import urllib.request
from datetime import UTC, datetime

import pytest
import uvicorn

from dashboards import tls
from ioc.access import pki
from ioc.errors import StartError
from ioc.settings import Settings
from tests import services
from tests.dashboards.conftest import Screens


async def hello(scope, _receive, send):
    """The smallest web there is: says by which scheme it was asked."""
    assert scope["type"] == "http"
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": scope["scheme"].encode()})


class Served:
    """uvicorn in a thread, with what `tls.options` says."""

    def __init__(self, **settings):
        self.port, self.stop = services.free_port(), threading.Event()
        options = tls.options(Settings(**settings), self.stop)
        config = uvicorn.Config(hello, port=self.port, log_config=None, lifespan="off", **options)
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=lambda: asyncio.run(self.server.serve()), daemon=True)
        self.thread.start()
        services.wait_for(lambda: self.server.started, "it listens")

    def close(self):
        self.stop.set()
        self.server.should_exit = True
        self.thread.join(10)


@pytest.fixture
def serve(monkeypatch):
    monkeypatch.setattr(tls, "_LOOK", 0.05)
    made = []

    def start(**settings):
        made.append(Served(**settings))
        return made[-1]

    yield start
    for one in made:
        one.close()


def serial(port, ca, host="localhost", old=False):
    """Which certificate is shown. Raises ssl.SSLError where it is not believed."""
    context = ssl.create_default_context(cafile=ca)
    if old:
        context.set_ciphers("DEFAULT@SECLEVEL=0")  # so that it is the server that refuses what is old
        context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    with (
        socket.create_connection(("127.0.0.1", port), timeout=5) as raw,
        context.wrap_socket(raw, server_hostname=host) as s,
    ):
        return s.getpeercert()["serialNumber"]


def pair(folder, name):
    return {"tls_cert": str(folder / f"{name}.crt"), "tls_key": str(folder / f"{name}.key")}


def make(folder, name, names=("localhost",)):
    pki.split(pki.issue(folder / "tls", name, names, datetime.now(UTC)).file, folder)
    return folder / "tls" / "ca.pem"


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_it_is_believed_by_who_trusts_its_authority_and_names_it(serve, tmp_path):
    ca = make(tmp_path, "web")
    served = serve(**pair(tmp_path, "web"))
    with urllib.request.urlopen(
        f"https://localhost:{served.port}/", context=ssl.create_default_context(cafile=ca)
    ) as answer:
        assert answer.read() == b"https"
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        serial(served.port, ca, host="ioc.example")
    with pytest.raises(ssl.SSLCertVerificationError):
        serial(served.port, pki.authority(tmp_path / "other", datetime.now(UTC)))
    with pytest.raises(ssl.SSLError, match=r"version|EOF"):
        serial(served.port, ca, old=True)
    with pytest.raises((urllib.error.URLError, OSError)):
        urllib.request.urlopen(f"http://localhost:{served.port}/", timeout=5)


def test_a_renewed_certificate_is_shown_without_a_restart_and_a_broken_one_is_not(serve, tmp_path):
    ca = make(tmp_path, "web")
    served = serve(**pair(tmp_path, "web"))
    first = serial(served.port, ca)
    make(tmp_path, "web")
    services.wait_for(lambda: serial(served.port, ca) != first, "the renewed certificate")
    second = serial(served.port, ca)
    make(tmp_path, "other")
    (tmp_path / "web.crt").write_bytes((tmp_path / "other.crt").read_bytes())  # another's key
    looked = []
    real = tls._look
    tls._look = lambda *files: looked.append(1) or real(*files)
    try:
        services.wait_for(lambda: len(looked) > 3, "it looked at the broken pair")
    finally:
        tls._look = real
    assert serial(served.port, ca) == second


def test_a_local_one_is_made_for_every_name_and_renews_itself(serve, tmp_path, monkeypatch):
    served = serve(
        tls_cert=f"local:{tmp_path}", hosts="ioc.city.example, wall.city.example", base_url="https://centre.example"
    )
    ca = tmp_path / "ca.pem"
    first = serial(served.port, ca)
    for host in ("ioc.city.example", "wall.city.example", "centre.example", "127.0.0.1", socket.gethostname()):
        assert serial(served.port, ca, host=host) == first
    issued = pki.issue
    monkeypatch.setattr(pki, "keep", issued)  # it is due
    services.wait_for(lambda: serial(served.port, ca) != first, "the renewed certificate")


def test_files_that_cannot_be_used_are_told_at_the_start(tmp_path):
    make(tmp_path, "web")
    make(tmp_path, "other")
    for wrong in ({"tls_cert": str(tmp_path / "missing.crt")}, pair(tmp_path, "web") | {"tls_key": str(tmp_path / "other.key")},
                  {"tls_cert": str(tmp_path / "web.crt")}):  # fmt: skip
        with pytest.raises(StartError, match=r"IOC_TLS_CERT=local for a trial"):
            tls.options(Settings(**wrong), threading.Event())
    assert tls.options(Settings(), threading.Event()) == {}


def test_the_screens_speak_it(database_url, tmp_path):
    health = services.free_port()

    class Safe(Screens):
        def get(self, path, **_):  # while it starts
            return 200 if services.answers(self.port) else 0, {}, b""

    served = Safe(
        database_url, tmp_path / "log", IOC_TLS_CERT=f"local:{tmp_path / 'tls'}", IOC_HEALTH_PORT=str(health)
    ).start()
    try:
        context = ssl.create_default_context(cafile=tmp_path / "tls" / "ca.pem")
        with urllib.request.urlopen(f"https://localhost:{served.port}/healthz", context=context, timeout=20) as answer:
            assert answer.status == 200
    finally:
        served.stop()
