"""A provider that is hostile, wrong, slow, away or new: what we ask of it, and what of its answers is taken."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import ssl
import threading
import time
import urllib.parse
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey

from dashboards import begun
from dashboards.provider import AWAY, DESCRIBED, KEPT, Away, Provider
from ioc.access import grants, pki
from ioc.access.oidc import ClockDiffers, Refused
from ioc.errors import StartError
from ioc.settings import Settings
from tests import services

OLD, NEW, THIEF = (RSAKey.generate_key(2048, {"kid": kid, "use": "sig"}) for kid in ("old", "new", "old"))
BACK = "http://127.0.0.1:8050/oidc/back"


class Fake:
    """Answers whatever a test wants it to; `asked` is what it was asked."""

    def __init__(self, certificate=None) -> None:
        fake = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                length = int(self.headers.get("Content-Length", 0))
                fake.asked.append((self.path, dict(self.headers), self.rfile.read(length).decode()))
                answer = fake.answers.get(self.path.split("?")[0], (404, {}))
                if callable(answer):
                    answer = answer(self)
                if answer is not None:
                    with contextlib.suppress(OSError):
                        fake.send(self, *answer)

            do_POST = do_GET  # noqa: N815  as the library calls it

            def log_message(self, *_):
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"{'https' if certificate else 'http'}://127.0.0.1:{self.server.server_port}"
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate.file)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        self.reset()

    def reset(self):
        self.asked: list[tuple[str, dict[str, str], str]] = []
        self.signs = OLD
        self.answers = {
            "/.well-known/openid-configuration": (200, self.described()),
            "/keys": lambda _: (
                200,
                {"keys": [self.signs.as_dict(private=False), {"kty": "oct", "k": "AAAA"}, "no key"]},
            ),
            "/me": (200, {"sub": "s1", "name": "Bình", "email": "b@city.example"}),
        }

    def described(self, **more):
        paths = {"authorization_endpoint": "/auth", "token_endpoint": "/token", "jwks_uri": "/keys", "userinfo_endpoint": "/me",
                 "end_session_endpoint": "/end"}  # fmt: skip
        return {"issuer": self.url, **{name: self.url + path for name, path in paths.items()}, **more}

    @staticmethod
    def send(handler, status, body, **headers):
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
        handler.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(body)), **headers}.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(body)

    def count(self, path):
        return sum(1 for asked, _, _ in self.asked if asked.split("?")[0] == path)


@pytest.fixture(scope="module")
def running():
    fake = Fake()
    yield fake
    fake.server.shutdown()
    fake.server.server_close()


@pytest.fixture
def fake(running):
    running.reset()
    return running


@pytest.fixture
def tied():
    return begun.begin("/", time.time())


def provider(fake, clock=time.monotonic, **more):
    given = {"oidc_issuer": fake.url, "oidc_client": "ioc", "oidc_roles": "groups:duty=operator, *=viewer", **more}
    client = grants.client(Settings(**given))
    assert client is not None
    return Provider(client, clock)


def gives(fake, tied, token=None, key=OLD, **claims):
    """The token endpoint's answer from now on."""
    now = int(time.time())
    told = {"iss": fake.url, "aud": "ioc", "sub": "s1", "nonce": tied.nonce, "iat": now, "exp": now + 300, **claims}
    token = token or jwt.encode({"alg": "RS256", "kid": key.kid}, told, key, algorithms=["RS256"])
    fake.answers["/token"] = (200, {"id_token": token, "access_token": "a", "token_type": "Bearer"})


def vouch(asked, tied):
    return services.run(asked.vouch("c0de", BACK, tied, time.time))


def refuses(asked, tied) -> str:
    with pytest.raises(Refused) as refused:
        vouch(asked, tied)
    return refused.value.why


def test_a_code_is_exchanged_with_the_verifier_and_what_the_token_leaves_out_is_asked(fake, tied):
    gives(fake, tied)
    vouched = vouch(provider(fake), tied)
    assert (vouched.claims["sub"], vouched.claims["name"]) == ("s1", "Bình")
    form = urllib.parse.parse_qs(next(body for path, _, body in fake.asked if path == "/token"))
    assert form == {"grant_type": ["authorization_code"], "code": ["c0de"], "redirect_uri": [BACK], "client_id": ["ioc"],
                    "code_verifier": [tied.verifier]}  # fmt: skip
    assert next(h["Authorization"] for path, h, _ in fake.asked if path == "/me") == "Bearer a"


def test_what_the_token_says_goes_before_what_is_asked(fake, tied):
    gives(fake, tied, groups=["duty"])
    fake.answers["/me"] = (200, {"sub": "s1", "groups": ["admins"], "iss": "https://evil.example", "name": "Bình"})
    claims = vouch(provider(fake), tied).claims
    assert (claims["groups"], claims["iss"], claims["name"]) == (["duty"], fake.url, "Bình")
    gives(fake, tied, groups=["duty"], name="An", email="an@city.example")
    asked = fake.count("/me")
    assert vouch(provider(fake), tied).claims["name"] == "An"
    assert fake.count("/me") == asked  # nothing is missing


@pytest.mark.parametrize(
    ("ways", "basic"), [(None, True), (["client_secret_post"], False), (["client_secret_basic"], True)]
)
def test_a_secret_is_given_the_way_the_provider_wants(fake, tied, ways, basic):
    gives(fake, tied)
    if ways:
        fake.answers["/.well-known/openid-configuration"] = (
            200,
            fake.described(token_endpoint_auth_methods_supported=ways),
        )
    vouch(provider(fake, oidc_secret="a:b c"), tied)
    headers, body = next((h, b) for path, h, b in fake.asked if path == "/token")
    if basic:
        assert headers["Authorization"] == "Basic " + base64.b64encode(b"ioc:a%3Ab+c").decode()
        assert "client_secret" not in body
    else:
        assert "Authorization" not in headers
        assert "client_secret=a%3Ab+c" in body


def test_where_a_browser_goes_says_who_asks_and_binds_the_answer(fake, tied):
    fake.answers["/.well-known/openid-configuration"] = (
        200,
        fake.described(scopes_supported=["openid", "groups", "admin"]),
    )
    where = services.run(provider(fake).login_address(BACK, tied, "vi"))
    address, _, query = where.partition("?")
    asked = {name: values[0] for name, values in urllib.parse.parse_qs(query).items()}
    assert address == fake.url + "/auth"
    assert asked == {"response_type": "code", "client_id": "ioc", "redirect_uri": BACK, "scope": "openid profile email groups",
                     "state": tied.state, "nonce": tied.nonce, "code_challenge": tied.challenge,
                     "code_challenge_method": "S256", "ui_locales": "vi"}  # fmt: skip
    assert tied.verifier not in where


def part(value) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def test_an_unsigned_a_forged_and_another_s_token_are_refused(fake, tied):
    now = int(time.time())
    told = {"iss": fake.url, "aud": "ioc", "sub": "s1", "nonce": tied.nonce, "iat": now, "exp": now + 300}
    asked = provider(fake)
    gives(fake, tied, token=f"{part({'alg': 'none'})}.{part(told)}.")
    assert refuses(asked, tied) == "signature"
    gives(fake, tied, key=THIEF)  # calls its key as the provider calls its own
    assert refuses(asked, tied) == "signature"
    for wrong, why in (
        ({"nonce": "another"}, "nonce"),
        ({"aud": "another"}, "audience"),
        ({"iss": "https://evil.example"}, "issuer"),
    ):
        gives(fake, tied, **wrong)
        assert refuses(asked, tied) == why
    gives(fake, tied)
    assert vouch(asked, tied).claims["sub"] == "s1"


def test_a_token_of_another_s_log_in_is_refused(fake, tied):
    gives(fake, tied)
    assert refuses(provider(fake), begun.begin("/", time.time())) == "nonce"


def test_another_s_facts_are_not_taken_for_this_user_s(fake, tied):
    gives(fake, tied)
    fake.answers["/me"] = (200, {"sub": "s2", "groups": ["duty"]})
    assert refuses(provider(fake), tied) == "subject"


@pytest.mark.parametrize("off", [-600, 600])
def test_a_clock_that_is_off_is_told_from_a_forgery(fake, tied, off):
    now = int(time.time()) + off
    gives(fake, tied, iat=now, exp=now + 300)
    with pytest.raises(ClockDiffers) as told:
        vouch(provider(fake), tied)
    assert abs(told.value.ahead - off) < 5


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ((200, []), "answer"),
        ((200, b"<html>"), "answer"),
        ((200, b"[" * 100_000), "answer"),
        ((200, {}), "answer"),
        ((200, {"id_token": 5, "access_token": "a", "token_type": "Bearer"}), "answer"),
        ((200, {"id_token": "a.b.c", "access_token": "a", "token_type": "mac"}), "answer"),
        ((200, {"id_token": "a.b.c", "access_token": "a", "token_type": "Bearer"}), "token"),
        ((302, b""), "answer"),
        ((400, {"error": "invalid_grant"}), "code"),
        ((401, {"error": "invalid_client"}), "client"),
        ((400, b"\xff"), "client"),
    ],
)
def test_an_answer_that_is_none_is_refused(fake, tied, answer, why):
    fake.answers["/token"] = answer
    assert refuses(provider(fake), tied) == why


def test_an_answer_without_end_is_not_read_to_its_end(fake, tied):
    gives(fake, tied)
    status, good = fake.answers["/token"]
    fake.answers["/token"] = (status, {"more": "x" * 2_000_000, **good})
    assert refuses(provider(fake), tied) == "answer"


@pytest.mark.parametrize(
    "wrong",
    [
        {"issuer": "https://evil.example"},
        {"issuer": None},
        {"token_endpoint": None},
        {"token_endpoint": "http://id.city.example/token"},
        {"jwks_uri": "file:///etc/passwd"},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"end_session_endpoint": ["x"]},
    ],
)
def test_a_description_that_names_another_or_leads_elsewhere_is_refused(fake, wrong):
    fake.answers["/.well-known/openid-configuration"] = (200, fake.described(**wrong))
    with pytest.raises(Refused):
        services.run(provider(fake).metadata())


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def test_new_keys_are_fetched_when_a_token_names_one_and_a_flood_of_names_is_not_passed_on(fake, tied):
    async def turns():
        clock = Clock()
        asked = provider(fake, clock)
        gives(fake, tied)
        for _ in range(5):
            await asked.vouch("c", BACK, tied, time.time)
        assert fake.count("/keys") == 1
        fake.signs = NEW
        gives(fake, tied, key=NEW)
        await asked.vouch("c", BACK, tied, time.time)
        assert fake.count("/keys") == 2
        gives(fake, tied, key=OLD)  # taken back: good no longer
        for _ in range(50):
            with pytest.raises(Refused):
                await asked.vouch("c", BACK, tied, time.time)
        assert fake.count("/keys") <= 5
        gives(fake, tied, key=NEW)  # meanwhile others get in
        await asked.vouch("c", BACK, tied, time.time)
        clock.now += KEPT + 1
        await asked.vouch("c", BACK, tied, time.time)
        assert fake.count("/keys") <= 6

    services.run(turns())


def test_a_flood_of_logout_tokens_with_made_up_keys_is_not_passed_on(fake):
    async def flood():
        asked = provider(fake)
        made_up = RSAKey.generate_key(2048)
        for number in range(100):
            token = jwt.encode({"alg": "RS256", "kid": f"k{number}"}, {}, made_up, algorithms=["RS256"])
            with pytest.raises(Refused):
                await asked.logged_out(token, time.time())
        assert fake.count("/keys") <= 4

    services.run(flood())


def test_a_provider_that_is_away_is_left_alone_for_a_while_and_asked_again(fake):
    async def waits():
        clock = Clock()
        asked = provider(fake, clock)
        good = fake.answers["/.well-known/openid-configuration"]
        fake.answers["/.well-known/openid-configuration"] = (503, {})
        for _ in range(20):
            with pytest.raises(Away):
                await asked.metadata()
        assert len(fake.asked) == 1
        fake.answers["/.well-known/openid-configuration"] = good
        clock.now += AWAY
        assert (await asked.metadata())["issuer"] == fake.url
        clock.now += DESCRIBED
        fake.answers["/.well-known/openid-configuration"] = (502, b"")
        with pytest.raises(Away):
            await asked.metadata()

    services.run(waits())


def test_one_that_is_not_there_or_never_ends_is_away(fake, tied, monkeypatch):
    nobody = provider(fake)
    nobody.client = nobody.client._replace(issuer="http://127.0.0.1:1")
    with pytest.raises(Away):
        services.run(nobody.metadata())

    def drips(handler):
        with contextlib.suppress(OSError):
            handler.send_response(200)
            handler.end_headers()
            for _ in range(100):
                handler.wfile.write(b" ")
                time.sleep(0.05)

    monkeypatch.setattr("dashboards.provider._WHOLE", 0.3)
    fake.answers["/token"] = drips
    with pytest.raises(Away):
        vouch(provider(fake), tied)


def test_many_ask_at_once_and_the_provider_is_asked_once(fake):
    async def crowd():
        asked = provider(fake)
        await asyncio.gather(*(asked.metadata() for _ in range(50)))

    services.run(crowd())
    assert len(fake.asked) == 1


def test_where_to_log_out_is_the_provider_s_to_say(fake):
    where = services.run(provider(fake).logout_address("http://127.0.0.1:8050/login", "h1nt"))
    assert where == (f"{fake.url}/end?client_id=ioc&post_logout_redirect_uri=http%3A%2F%2F127.0.0.1%3A8050%2Flogin"
                     "&id_token_hint=h1nt")  # fmt: skip
    fake.answers["/.well-known/openid-configuration"] = (200, fake.described(end_session_endpoint=None))
    assert services.run(provider(fake).logout_address("x", "h1nt")) == ""


def test_an_authority_that_is_no_file_is_told_before_anybody_is_served(fake, tmp_path):
    wrong = tmp_path / "ca.pem"
    wrong.write_text("no certificate")
    for path in (str(wrong), str(tmp_path / "absent.pem")):
        with pytest.raises(StartError, match="IOC_OIDC_CA"):
            provider(fake, oidc_ca=path)


def test_a_provider_s_certificate_is_checked_against_the_authority_that_is_named(tmp_path, tied):
    folder, now = tmp_path / "authority", datetime.now(UTC)
    fake = Fake(pki.issue(folder, "id", ["127.0.0.1"], now))
    try:
        gives(fake, tied)
        assert vouch(provider(fake, oidc_ca=str(pki.authority(folder, now))), tied).claims["sub"] == "s1"
        other = str(pki.authority(tmp_path / "another", now))
        for ca in ("", other):
            with pytest.raises(Away):
                vouch(provider(fake, oidc_ca=ca), tied)
    finally:
        fake.server.shutdown()
        fake.server.server_close()


KEY = b"k" * 32


def test_what_was_begun_is_read_back_in_this_browser_only_and_for_ten_minutes():
    tied = begun.begin("/feeds", 1000.0)
    cookies = {tied.cookie: begun.written(tied, KEY)}
    assert begun.read(cookies, tied.state, KEY, 1000.0 + begun.HOLDS - 1) == tied
    assert begun.read(cookies, tied.state, KEY, 1000.0 + begun.HOLDS) is None
    assert begun.read({}, tied.state, KEY, 1000.0) is None
    assert begun.read(cookies, tied.state[:-1] + "é", KEY, 1000.0) is None
    assert begun.read(cookies, tied.state[:12] + "x" * 31, KEY, 1000.0) is None
    assert begun.read(cookies, tied.state, b"z" * 32, 1000.0) is None
    text, _, signature = cookies[tied.cookie].rpartition(".")
    assert begun.read({tied.cookie: f"{text[:-2]}AA.{signature}"}, tied.state, KEY, 1000.0) is None
    assert begun.read({tied.cookie: "." + signature}, tied.state, KEY, 1000.0) is None


def test_a_way_on_that_is_too_long_for_a_cookie_leads_to_the_first_page():
    assert begun.begin("/" + "x" * 5000, 0).to == "/"
    assert len(begun.written(begun.begin("/" + "x" * 999, 0), KEY)) < 3000


def test_a_state_is_good_once_and_what_is_kept_of_them_is_bounded():
    used = begun.Used()
    tied = begun.begin("/", 0)
    assert used.take(tied)
    assert not used.take(tied)
    for number in range(begun._MOST_USED + 10):
        used.take(tied._replace(state=str(number)))
    assert len(used._until) == begun._MOST_USED
