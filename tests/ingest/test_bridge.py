"""The pull bridge against a real HTTP server and a real broker."""

from __future__ import annotations

import gzip
import json
import ssl
import subprocess
import threading
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from google.transit import gtfs_realtime_pb2 as gtfs
from paho.mqtt import client as paho
from prometheus_client import CollectorRegistry

from ingest import bridge, polling
from ingest.bridge_metrics import Metrics
from ingest.fetch import FetchError, Wanted, fetch, retry_after
from ingest.polling import Outcome, Poller, Pull, next_delay
from ioc.config.feeds import Feed, Http
from ioc.embedded.broker import Broker
from ioc.errors import BrokerError, ConfigError
from ioc.health import Health
from ioc.settings import Settings
from ioc.store import database, process
from tests import services
from tests.ingest import rig
from tests.ingest.live import Ingester
from tests.services import wait_for

DOCUMENT = b'{"level": 1.42}'


class Server:
    """An HTTP server whose answer to each path is a function of the handler; it keeps the requests it saw."""

    def __init__(self, context=None):
        self.seen, self.answers = [], {}
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                outer.seen.append((self.path, dict(self.headers)))
                outer.answers[self.path.partition("?")[0]](self)

            def log_message(self, *_):
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        if context is not None:
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_address[1]
        self.url = f"http{'s' if context else ''}://127.0.0.1:{self.port}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()


def reply(status=200, body=DOCUMENT, **headers):
    def answer(handler):
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return answer


@pytest.fixture
def server():
    made = Server()
    yield made
    made.close()


def wanted(url, deadline=5.0, max_bytes=1_000_000, **more):
    return Wanted(url, more.pop("headers", {}), deadline, max_bytes, **more)


def reason(*args, **more):
    with pytest.raises(FetchError) as caught:
        fetch(wanted(*args, **more))
    return caught.value.reason


# One request.


def test_a_document_comes_with_what_makes_the_next_request_conditional(server):
    server.answers["/a"] = reply(ETag='"v1"', Last_Modified="Mon, 04 May 2026 01:00:00 GMT")
    found = fetch(wanted(server.url + "/a?station=1"))
    assert (found.status, found.body, found.etag) == (200, DOCUMENT, '"v1"')
    server.answers["/a"] = reply(304, b"")
    again = fetch(wanted(server.url + "/a", etag=found.etag, modified=found.modified))
    assert (again.status, again.body) == (304, b"")
    headers = server.seen[1][1]
    assert headers["If-None-Match"] == '"v1"'
    assert headers["If-Modified-Since"] == "Mon, 04 May 2026 01:00:00 GMT"
    assert server.seen[0][0] == "/a?station=1"


def test_gzip_is_asked_for_and_unpacked_and_a_bomb_is_stopped(server):
    server.answers["/a"] = reply(200, gzip.compress(DOCUMENT), Content_Encoding="gzip")
    assert fetch(wanted(server.url + "/a")).body == DOCUMENT
    assert "gzip" in server.seen[0][1]["Accept-Encoding"]
    server.answers["/bomb"] = reply(200, gzip.compress(bytes(50_000_000)), Content_Encoding="gzip")
    assert reason(server.url + "/bomb") == "too_large"
    server.answers["/cut"] = reply(200, gzip.compress(DOCUMENT * 500)[:-20], Content_Encoding="gzip")
    assert reason(server.url + "/cut") == "broken"


def test_a_body_that_is_too_large_is_refused_before_or_while_it_comes(server):
    server.answers["/told"] = reply(200, b"x" * 5000)
    assert reason(server.url + "/told", max_bytes=4000) == "too_large"

    def endless(handler):
        handler.send_response(200)
        handler.end_headers()
        try:
            while True:
                handler.wfile.write(b"x" * 65_536)
        except OSError:
            return

    server.answers["/endless"] = endless
    assert reason(server.url + "/endless", max_bytes=1_000_000) == "too_large"


def test_a_server_that_drips_is_cut_at_the_deadline(server):
    def drip(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", "1000")
        handler.end_headers()
        try:
            for _ in range(1000):
                handler.wfile.write(b"x")
                handler.wfile.flush()
                time.sleep(0.05)
        except OSError:
            return

    server.answers["/drip"] = drip
    began = time.monotonic()
    assert reason(server.url + "/drip", deadline=0.5) == "deadline"
    assert time.monotonic() - began < 3.0


def test_a_server_that_says_nothing_is_cut_at_the_deadline(server):
    server.answers["/mute"] = lambda _handler: time.sleep(3)
    assert reason(server.url + "/mute", deadline=0.3) == "deadline"


def test_a_connection_that_ends_early_is_no_document(server):
    def short(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", "1000")
        handler.end_headers()
        handler.wfile.write(b"half")

    server.answers["/short"] = short
    assert reason(server.url + "/short") == "broken"
    assert reason(f"http://127.0.0.1:{services.free_port()}/") == "connect"
    assert reason("ftp://127.0.0.1/x") == "bad_url"


def test_redirects_are_followed_a_few_times_and_secrets_stay_at_home(server):
    other = Server()
    try:
        server.answers["/from"] = reply(302, b"", Location=f"{other.url}/to")
        other.answers["/to"] = reply()
        assert fetch(wanted(server.url + "/from", headers={"X-Api-Token": "t0p"})).body == DOCUMENT
        assert server.seen[0][1]["X-Api-Token"] == "t0p"
        assert "X-Api-Token" not in other.seen[0][1]
        server.answers["/near"] = reply(301, b"", Location="/here")
        server.answers["/here"] = reply()
        fetch(wanted(server.url + "/near", headers={"X-Api-Token": "t0p"}))
        assert server.seen[-1][1]["X-Api-Token"] == "t0p"
        server.answers["/loop"] = reply(302, b"", Location="/loop")
        assert reason(server.url + "/loop") == "redirects"
        server.answers["/file"] = reply(302, b"", Location="file:///etc/passwd")
        assert reason(server.url + "/file") == "bad_url"
    finally:
        other.close()


def test_a_certificate_that_nobody_signed_is_refused(tmp_path):
    openssl = services.find("openssl")
    if openssl is None:
        pytest.skip("SKIPPED PART: openssl is not installed")
    command = [
        openssl,
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-keyout",
        "k.pem",
        "-out",
        "c.pem",
        "-days",
        "1",
        "-subj",
        "/CN=127.0.0.1",
        "-addext",
        "subjectAltName=IP:127.0.0.1",
    ]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "c.pem", tmp_path / "k.pem")
    server = Server(context)
    try:
        server.answers["/"] = reply()
        assert reason(server.url + "/") == "tls"
        assert server.seen == []
    finally:
        server.close()


def test_retry_after_is_seconds_or_a_date():
    now = datetime(2026, 5, 4, 1, 0, tzinfo=UTC)
    assert retry_after("120", now.timestamp()) == 120.0
    assert retry_after(format_datetime(now + timedelta(minutes=5), usegmt=True), now.timestamp()) == 300.0
    assert retry_after("soon", now.timestamp()) is None


# Many requests.


def pull(url, **more):
    return Pull("gauge", "pull/gauge", Http.model_validate({"url": url, "every": "60s", "deadline": "5s", **more}))


class Sink:
    """Takes the place of the broker where only polling is meant; `away` makes it refuse."""

    def __init__(self):
        self.sent, self.away, self.registry = [], False, CollectorRegistry()

    def send(self, topic, payload):
        if self.away:
            raise BrokerError("the broker acknowledged nothing")
        self.sent.append((topic, payload))

    def poller(self, *, fresh=False, **more):
        if fresh:
            self.registry = CollectorRegistry()
        return Poller(self.send, lambda: not self.away, Metrics(self.registry), **more)

    def polls(self, outcome):
        return self.registry.get_sample_value("ioc_bridge_polls_total", {"feed": "gauge", "outcome": outcome})


def test_a_document_is_remembered_only_when_the_broker_has_it(server):
    server.answers["/a"] = lambda h: (
        reply(304, b"")(h) if h.headers.get("If-None-Match") == '"1"' else reply(ETag='"1"')(h)
    )
    sink, asked = Sink(), pull(server.url + "/a")
    poller = sink.poller()
    sink.away = True
    assert poller.poll(asked).name == "unpublished"
    sink.away = False
    assert poller.poll(asked) == Outcome("published", ok=True, size=len(DOCUMENT))
    assert poller.poll(asked) == Outcome("not_modified", ok=True)
    assert sink.sent == [("pull/gauge", DOCUMENT)]
    assert [sink.polls(o) for o in ("unpublished", "published", "not_modified")] == [1.0, 1.0, 1.0]
    assert asked.said["outcome"] == "not_modified"


def test_a_failing_server_is_asked_less_and_less_and_its_wish_is_respected():
    asked = pull("http://example.org/")
    good, bad = Outcome("published", ok=True), Outcome("http_500", ok=False)
    assert next_delay(asked, good, 0.5) == 60.0
    delays = []
    for asked.failures in range(1, 10):
        delays.append(next_delay(asked, bad, 1.0))
    assert delays[:3] == [120.0, 240.0, 480.0]
    assert delays[-1] == polling.SLOWEST
    asked.failures = 4
    assert next_delay(asked, bad, 0.0) == 480.0, "jitter halves it at most"
    assert next_delay(asked, bad._replace(retry_after=7200.0), 0.0) == 7200.0
    assert next_delay(asked, bad._replace(retry_after=1e9), 0.0) == polling.LONGEST_WAIT


@pytest.mark.parametrize(
    ("status", "outcome"), [(500, "http_500"), (404, "http_404"), (429, "http_429"), (503, "http_503")]
)
def test_a_refusal_is_named_and_nothing_is_published(server, status, outcome):
    server.answers["/a"] = reply(status, b"sorry", Retry_After="77")
    sink, asked = Sink(), pull(server.url + "/a")
    found = sink.poller().poll(asked)
    assert (found.name, found.ok, found.retry_after) == (outcome, False, 77.0)
    assert sink.sent == []
    assert sink.polls(outcome) == 1.0
    assert str(status) in asked.said["why"]


def test_a_secret_comes_from_the_environment(server):
    server.answers["/a"] = reply()
    sink, asked = Sink(), pull(server.url + "/a", headers={"Authorization": "env:GAUGE_TOKEN", "X-Plain": "p"})
    assert sink.poller(lookup={"GAUGE_TOKEN": "Bearer s3cret"}.get).poll(asked).ok
    assert server.seen[0][1]["Authorization"] == "Bearer s3cret"
    assert server.seen[0][1]["X-Plain"] == "p"
    missing = Poller(sink.send, lambda: True, Metrics(CollectorRegistry()), {}.get).poll(asked)
    assert missing.name == "no_secret"
    assert len(server.seen) == 1, "without its secret the server is not asked"
    keyed = pull(server.url + "/a?key={env:KEY}&x=1")
    assert sink.poller(lookup={"KEY": "a b&c"}.get, fresh=True).poll(keyed).ok
    assert server.seen[1][0] == "/a?key=a%20b%26c&x=1"


def test_a_large_body_is_gzipped_and_one_too_large_is_refused():
    body = DOCUMENT * 100_000
    assert gzip.decompress(polling.packed(body)) == body
    assert polling.packed(DOCUMENT) is DOCUMENT
    import random

    with pytest.raises(FetchError, match="too_large"):
        polling.packed(random.Random(1).randbytes(2_000_000))


def test_one_host_is_never_asked_twice_at_once(server):
    busy, most, lock = [0], [0], threading.Lock()

    def slow(handler):
        with lock:
            busy[0] += 1
            most[0] = max(most[0], busy[0])
        time.sleep(0.05)
        with lock:
            busy[0] -= 1
        reply()(handler)

    sink, poller = Sink(), None
    asked = [
        Pull(f"f{n}", f"pull/{n}", Http.model_validate({"url": f"{server.url}/{n}", "every": "50ms"})) for n in range(4)
    ]
    for n in range(4):
        server.answers[f"/{n}"] = slow
    poller = sink.poller()
    poller.use(asked)
    try:
        wait_for(lambda: len({t for t, _ in sink.sent}) == 4, "every feed was polled")
    finally:
        poller.close()
    assert most[0] == 1


def test_nothing_is_asked_for_while_the_broker_is_away(server):
    server.answers["/a"] = reply()
    sink, asked = Sink(), pull(server.url + "/a")
    sink.away = True
    poller = sink.poller()
    poller.use([asked])
    wait_for(lambda: asked.said.get("outcome") == "broker_away", "the poller noticed")
    poller.close()
    assert server.seen == []


def test_a_feed_that_cannot_be_published_to_is_a_fault():
    class Folder:
        feeds = {
            "wild": Feed.model_validate(
                {"name": "x", "topic": "a/{sensor}", "format": "json", "http": {"url": "http://a/b"}}
            ),
            "address": Feed.model_validate(
                {"name": "x", "topic": "a/b", "format": "json", "http": {"url": "gopher://a"}}
            ),
            "header": Feed.model_validate(
                {
                    "name": "x",
                    "topic": "a/b",
                    "format": "json",
                    "http": {"url": "http://a", "headers": {"A": "b\r\nC: d"}},
                }
            ),
            "off": Feed.model_validate(
                {"name": "x", "topic": "#", "format": "json", "enabled": False, "http": {"url": "http://a"}}
            ),
        }

    with pytest.raises(ConfigError) as caught:
        polling.pulls(Folder)
    assert Counter((f.file, f.place) for f in caught.value.faults) == Counter(
        [("feeds/wild.toml", "topic"), ("feeds/address.toml", "http.url"), ("feeds/header.toml", "http.headers")]
    )


# The whole bridge.


@pytest.mark.mosquitto
def test_the_bridge_brings_a_document_through_the_broker_and_says_so(server, tmp_path, database_url):
    broker = services.Mosquitto(tmp_path / "mosquitto").start()
    city = tmp_path / "city"
    (city / "feeds").mkdir(parents=True)
    (city / "city.toml").write_text(
        'key = "delta"\nname = "Delta"\nzone = "Asia/Ho_Chi_Minh"\n[map]\ncenter = [105.97, 9.6]\n'
    )
    large = b'{"rows": [' + b",".join([b'{"a": 1}'] * 200_000) + b"]}"

    def feed(path):
        return (
            f'name = "G"\ntopic = "pull{path}"\nformat = "json"\n'
            f'[options.values]\nlevel = "level"\n[http]\nurl = "{server.url}{path}"\nevery = "200ms"\n'
        )

    server.answers["/gauge"] = lambda h: reply(304, b"")(h) if h.headers.get("If-None-Match") else reply(ETag='"1"')(h)
    server.answers["/large"] = lambda h: (
        reply(304, b"")(h) if h.headers.get("If-None-Match") else reply(200, large, ETag='"1"')(h)
    )
    (city / "feeds" / "gauge.toml").write_text(feed("/gauge"))
    heard = {}
    listener = paho.Client(paho.CallbackAPIVersion.VERSION2)
    listener.on_message = lambda _c, _d, m: heard.setdefault(m.topic, (m.payload, m.qos))
    listener.connect("127.0.0.1", broker.port)
    listener.subscribe("pull/#", qos=1)
    listener.loop_start()
    stop, health = threading.Event(), Health("bridge")
    settings = Settings(broker_url=f"mqtt://127.0.0.1:{broker.port}", database_url=database_url)
    thread = threading.Thread(target=bridge.run, args=(city, settings, stop, health))
    thread.start()
    try:
        wait_for(lambda: heard.get("pull/gauge") == (DOCUMENT, 1), "the document came through the broker")
        wait_for(lambda: len(server.seen) >= 3, "it is asked for again, conditionally")
        assert all("If-None-Match" in headers for _, headers in server.seen[1:])
        wait_for(lambda: health.state()["ready"], "the bridge says that it is ready")
        # A feed that is added is polled without a restart; large bodies travel gzipped.
        (city / "feeds" / "large.toml").write_text(feed("/large"))
        wait_for(lambda: "pull/large" in heard, "the added feed is polled")
        assert gzip.decompress(heard["pull/large"][0]) == large

        def told():
            with database.connect(database_url, autocommit=True) as conn:
                return process.detail(conn, "bridge").get("feeds", {}).get("large", {}).get("outcome")

        wait_for(lambda: told() == "not_modified", "the process row tells how each feed goes")
    finally:
        stop.set()
        thread.join(10)
        listener.disconnect()
        listener.loop_stop()
        broker.stop()
    assert not thread.is_alive()


def test_pulled_documents_end_in_the_store_with_a_balanced_ledger(server, tmp_path, database_url):
    """GBFS and GTFS-realtime by HTTP, through NATS and an ingester of its own, into PostgreSQL; every poll accounted for."""
    feeds = {
        "bikes": 'name = "Bikes"\ntopic = "bikes/status"\nformat = "gbfs"\n',
        "buses": 'name = "Buses"\ntopic = "buses/realtime"\nformat = "gtfs_realtime"\n',
        "broken": 'name = "Broken"\ntopic = "broken/x"\nformat = "gbfs"\n',
    }
    now = int(time.time())
    stations = [
        {"station_id": f"s{n}", "num_bikes_available": n % 20, "last_reported": now - 60, "pad": "x" * 400}
        for n in range(3000)
    ]
    answers = {
        "bikes": json.dumps({"last_updated": now, "ttl": 60, "version": "2.3", "data": {"stations": stations}}).encode(),
        "buses": gtfs.FeedMessage(
            header={"gtfs_realtime_version": "2.0", "timestamp": now},
            entity=[{"id": "1", "vehicle": {"vehicle": {"id": "83P-1201"}, "position": {"latitude": 9.6, "longitude": 105.97, "speed": 7.5}}}],
        ).SerializeToString(),
        "broken": b"<html>504 Gateway Time-out</html>",
    }  # fmt: skip
    assert len(answers["bikes"]) > polling.LARGEST_PLAIN, "large enough to travel gzipped"
    for name, body in answers.items():
        server.answers[f"/{name}"] = reply(200, body)
    city = rig.city(
        tmp_path / "city",
        **{name: f'{text}[http]\nurl = "{server.url}/{name}"\nevery = "1h"\n' for name, text in feeds.items()},
    )
    broker = Broker("nats", tmp_path / "broker", services.free_port())
    broker.start()
    ingester = Ingester(city, database_url, broker.url)
    stop = threading.Event()
    settings = Settings(broker_url=broker.url, database_url=database_url)
    thread = threading.Thread(target=bridge.run, args=(city, settings, stop, Health("bridge")))
    query = "SELECT key, received, stored, quarantined, readings_stored, positions FROM ledger JOIN feed ON feed.id = feed_id"

    def rows():
        with database.connect(database_url, autocommit=True) as conn:
            return {row[0]: row[1:] for row in conn.execute(query).fetchall()}

    try:
        ingester.start()
        thread.start()
        wait_for(lambda: set(rows()) >= set(feeds), "every feed's document arrived", 30, 0.2)
        assert rows() == {"bikes": (1, 1, 0, 3000, 0), "buses": (1, 1, 0, 1, 1), "broken": (1, 0, 1, 0, 0)}
    finally:
        stop.set()
        if thread.ident:
            thread.join(10)
        ingester.stop()
        broker.stop()
