"""Single sign-on without a network: which tokens hold, who somebody is, and what they may do."""

from __future__ import annotations

import base64
import hmac
import json

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OKPKey, RSAKey

from ioc.access import grants, oidc
from ioc.access.grants import NoRole
from ioc.access.oidc import ClockDiffers, Refused, UnknownKey
from ioc.access.rights import Bounds, Role
from ioc.settings import Settings, SettingsError

ISSUER, CLIENT, NONCE = "https://id.city.example", "ioc", "n-0S6"
ROLES = "groups:ioc-admins=administrator, groups:duty=operator, *=viewer"
NOW = 1_790_000_000.0
RSA = RSAKey.generate_key(2048, {"kid": "rsa", "use": "sig"})
EC = ECKey.generate_key("P-256", {"kid": "ec"})
OKP = OKPKey.generate_key("Ed25519", {"kid": "okp"})
KEYS = [key.as_dict(private=False) for key in (RSA, EC, OKP)]


def settings(**more) -> Settings:
    return Settings(**{"oidc_issuer": ISSUER, "oidc_client": CLIENT, "oidc_roles": ROLES, **more})


def client(**more) -> grants.Client:
    found = grants.client(settings(**more))
    assert found is not None
    return found


def claims(**more):
    told = {"iss": ISSUER, "aud": CLIENT, "sub": "s1", "nonce": NONCE, "iat": int(NOW), "exp": int(NOW) + 300, **more}
    return {name: value for name, value in told.items() if value is not None}


def token(key=RSA, alg="RS256", header=None, **more) -> str:
    return jwt.encode({"alg": alg, "kid": key.kid, **(header or {})}, claims(**more), key, algorithms=[alg])


def held(text: str, keys=None, **more):
    return oidc.id_claims(oidc.signed(text, keys or KEYS), client(), NONCE, NOW, **more)


@pytest.mark.parametrize(("key", "alg"), [(RSA, "RS256"), (RSA, "PS384"), (EC, "ES256"), (OKP, "Ed25519")])
def test_a_token_of_any_good_kind_holds(key, alg):
    assert held(token(key, alg))["sub"] == "s1"


def test_a_token_without_a_key_s_name_holds_where_one_key_fits():
    text = jwt.encode({"alg": "ES256"}, claims(), EC, algorithms=["ES256"])
    assert held(text)["sub"] == "s1"
    other = ECKey.generate_key("P-256").as_dict(private=False)
    with pytest.raises(Refused, match="key"):
        held(text, [*KEYS, other])


def unsigned(header, **more) -> str:
    parts = [json.dumps(header), json.dumps(claims(**more))]
    return ".".join(base64.urlsafe_b64encode(p.encode()).rstrip(b"=").decode() for p in parts) + "."


def test_nobody_s_signature_is_none():
    for alg in ("none", "None", "", None, 1, ["RS256"]):
        with pytest.raises(Refused, match="signature"):
            oidc.signed(unsigned({"alg": alg, "kid": "rsa"}), KEYS)


def test_a_public_key_is_no_shared_secret():
    """The classic: sign with HMAC, and the public key, which everybody has, as its secret."""
    for secret in (RSA.as_pem(private=False), json.dumps(KEYS[0]).encode(), b"secret"):
        body = unsigned({"alg": "HS256", "kid": "rsa"})[:-1]
        forged = (
            f"{body}.{base64.urlsafe_b64encode(hmac.digest(secret, body.encode(), 'sha256')).rstrip(b'=').decode()}"
        )
        with pytest.raises(Refused, match="signature"):
            oidc.signed(forged, [*KEYS, {"kty": "oct", "kid": "rsa", "k": base64.urlsafe_b64encode(secret).decode()}])


def test_a_key_that_the_token_brings_along_is_not_believed():
    thief = RSAKey.generate_key(2048)
    header = {"jwk": thief.as_dict(private=False), "jku": "https://evil.example/keys"}
    forged = jwt.encode({"alg": "RS256", "kid": "rsa", **header}, claims(), thief, algorithms=["RS256"])
    with pytest.raises(Refused, match="signature"):
        oidc.signed(forged, KEYS)


def test_an_altered_token_or_signature_is_refused():
    head, body, signature = token().split(".")
    other = token(sub="administrator").split(".")[1]
    for text in (f"{head}.{other}.{signature}", f"{head}.{body}.{signature[:-8]}AAAAAAAA", f"{head}.{body}."):
        with pytest.raises(Refused, match="signature"):
            oidc.signed(text, KEYS)


@pytest.mark.parametrize("text", ["", "a.b", "a.b.c.d", "....", "é.b.c", "W10.e30.x", "x" * 70_000 + ".a.b", "!!.a.b",
                                  base64.b64encode(b"[" * 50_000).decode() + ".a.b"])  # fmt: skip
def test_what_is_no_token_is_refused(text):
    with pytest.raises(Refused, match="token"):
        oidc.signed(text, KEYS)


def test_what_must_be_understood_and_is_not_is_refused():
    text = unsigned({"alg": "RS256", "kid": "rsa", "crit": ["exp"], "exp": 1}) + "AA"
    with pytest.raises(Refused, match="signature"):
        oidc.signed(text, KEYS)


def test_a_key_nobody_knows_and_one_of_another_kind_are_told_from_a_forgery():
    with pytest.raises(UnknownKey):
        oidc.signed(token(RSAKey.generate_key(2048, {"kid": "new"})), KEYS)
    with pytest.raises(UnknownKey):
        oidc.signed(token(RSAKey.generate_key(2048, {"kid": "ec"})), KEYS)
    with pytest.raises(UnknownKey):
        oidc.signed(token(), [{**KEYS[0], "use": "enc"}])
    with pytest.raises(UnknownKey):
        oidc.signed(token(), [{**KEYS[0], "alg": "PS256"}])


def test_a_weak_key_signs_nothing():
    with pytest.warns(UserWarning, match="2048"):
        weak = RSAKey.generate_key(1024, {"kid": "weak"})
    text = token(weak)
    with pytest.raises(Refused, match="key"):
        oidc.signed(text, [weak.as_dict(private=False)])


def test_a_damaged_key_is_refused_and_not_an_error():
    for damaged in ({"n": "!"}, {"n": None}, {"e": "AA"}, {"n": "AQAB"}):
        with pytest.raises(Refused):
            oidc.signed(token(), [{**KEYS[0], **damaged}])


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"iss": "https://evil.example"}, "issuer"),
        ({"iss": ISSUER + "/"}, "issuer"),
        ({"iss": None}, "issuer"),
        ({"aud": "another"}, "audience"),
        ({"aud": []}, "audience"),
        ({"aud": None}, "audience"),
        ({"aud": [CLIENT, "another"]}, "audience"),
        ({"aud": [CLIENT, "another"], "azp": "another"}, "audience"),
        ({"azp": "another"}, "audience"),
        ({"nonce": "another"}, "nonce"),
        ({"nonce": None}, "nonce"),
        ({"nonce": 5}, "nonce"),
        ({"sub": None}, "subject"),
        ({"sub": ""}, "subject"),
        ({"sub": 7}, "subject"),
        ({"sub": "a\nb"}, "subject"),
        ({"sub": "x" * 256}, "subject"),
        ({"iat": None}, "time"),
        ({"iat": True}, "time"),
        ({"iat": "now"}, "time"),
        ({"iat": 1e300}, "time"),
        ({"exp": None}, "time"),
        ({"exp": int(NOW) - 121}, "time"),
        ({"nbf": int(NOW) + 121}, "time"),
        ({"events": {}}, "token"),
        ({"at_hash": "another"}, "hash"),
    ],
)
def test_a_token_that_is_signed_and_not_for_this_log_in_is_refused(more, why):
    with pytest.raises(Refused) as refused:
        held(token(**more), access_token="a")
    assert refused.value.why == why


def test_an_access_token_that_belongs_to_it_holds():
    assert held(token(at_hash=oidc.half_hash("abc", "RS256")), access_token="abc")
    # RFC 7519's neighbour: the example of OpenID Connect Core, A.3
    assert oidc.half_hash("jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y", "RS256") == "77QmUPtjPfzWtF2AnpK9RQ"
    assert held(token(OKP, "Ed25519", at_hash=oidc.half_hash("abc", "Ed25519")), access_token="abc")


def test_several_audiences_hold_where_we_are_the_one_it_was_made_for():
    assert held(token(aud=[CLIENT, "another"], azp=CLIENT))


@pytest.mark.parametrize("off", [-121, 121, -3600, 86400])
def test_clocks_may_differ_by_two_minutes_and_no_more(off):
    sign = 1 if off > 0 else -1
    assert held(token(iat=int(NOW) + sign * 119, exp=int(NOW) + sign * 119 + 300))
    with pytest.raises(ClockDiffers) as told:
        held(token(iat=int(NOW) + off, exp=int(NOW) + off + 300))
    assert told.value.ahead == off


def test_a_third_clock_says_which_is_wrong():
    assert oidc.whose_clock(600, 0.2) == "provider"
    assert oidc.whose_clock(600, 599) == "own"
    assert oidc.whose_clock(-600, -601) == "own"
    assert oidc.whose_clock(600, None) == "unclear"


EVENTS = {"http://schemas.openid.net/event/backchannel-logout": {}}


def test_a_logout_token_says_whom_and_an_id_token_does_not():
    def whom(**more):
        return oidc.logout_subject(oidc.signed(token(**{"nonce": None, "events": EVENTS, **more}), KEYS), client(), NOW)

    assert whom() == "s1"
    assert whom(exp=None) == "s1"
    for wrong in (
        {"events": None},
        {"events": {"x": {}}},
        {"events": []},
        {"nonce": NONCE},
        {"aud": "x"},
        {"sub": None},
    ):
        with pytest.raises(Refused):
            whom(**wrong)
    with pytest.raises(ClockDiffers):  # one of yesterday, shown again
        whom(iat=int(NOW) - 86_400)


def identity(roles=ROLES, **more):
    return oidc.identity(client(oidc_roles=roles), {"sub": "s1", **more})


def test_the_first_line_that_fits_gives_the_role():
    assert identity(groups=["duty", "ioc-admins"]).role is Role.ADMINISTRATOR
    assert identity(groups="duty").role is Role.OPERATOR
    assert identity(groups=["DUTY", 5, None, {"duty": 1}]).role is Role.VIEWER
    assert identity().role is Role.VIEWER
    with pytest.raises(NoRole):
        identity("groups:duty=operator", groups=["others"])
    with pytest.raises(NoRole):
        identity("groups:duty=operator")


def test_claims_may_lie_deep_be_called_by_a_url_and_hold_commas():
    roles = (
        "realm_access.roles:duty=operator, https://city.example/roles:head=manager, groups:cn=duty%2Cou=ioc=integrator"
    )
    assert identity(roles, realm_access={"roles": ["duty"]}).role is Role.OPERATOR
    assert identity(roles, **{"https://city.example/roles": ["head"]}).role is Role.MANAGER
    assert identity(roles, groups=["cn=duty,ou=ioc"]).role is Role.INTEGRATOR
    for odd in ({"realm_access": ["roles"]}, {"realm_access": {"roles": {"duty": True}}}, {"realm_access": "duty"}):
        with pytest.raises(NoRole):
            identity(roles, **odd)


def test_an_address_gives_a_role_only_where_the_provider_has_verified_it():
    roles = "email:head@city.example=manager, *=viewer"
    assert identity(roles, email="head@city.example", email_verified=True).role is Role.MANAGER
    for verified in (False, None, "yes", 1.5, [True]):
        assert identity(roles, email="head@city.example", email_verified=verified).role is Role.VIEWER
    assert identity(roles, email="head@city.example").role is Role.VIEWER


def test_bounds_stand_in_the_same_line():
    found = identity("groups:a=operator@area:tran-de+area:my-xuyen+feed:tide", groups=["a"])
    assert found.bounds == Bounds(frozenset({"tran-de", "my-xuyen"}), frozenset({"tide"}))
    assert identity().bounds is None


@pytest.mark.parametrize(
    ("told", "name"),
    [
        ({"name": "  Lê\tThị\n Bình  "}, "Lê Thị Bình"),
        ({"given_name": "Bình", "family_name": "Lê"}, "Bình Lê"),
        ({"preferred_username": "binh"}, "binh"),
        ({"email": "binh@city.example"}, "binh@city.example"),
        ({}, "s1"),
        ({"name": "\u202egnp.exe"}, "gnp.exe"),
        ({"name": ["no", "text"], "preferred_username": "binh"}, "binh"),
        ({"name": "x" * 500}, "x" * 80),
    ],
)
def test_a_name_is_one_line_whatever_was_sent(told, name):
    assert identity(**told).name == name


def test_nothing_but_name_address_and_role_is_taken():
    found = identity(
        name="Bình", email="b@city.example", birthdate="1980-01-01", national_id="012345678901", groups=["duty"]
    )
    assert tuple(found) == (ISSUER, "s1", "Bình", "b@city.example", Role.OPERATOR, None)


@pytest.mark.parametrize("email", ["no address", "a@b@c", "x" * 300 + "@city.example", 7, None, "a b@city.example"])
def test_what_is_no_address_is_left_out(email):
    assert identity(email=email).address == ""
    assert identity(email="a@city.example", email_verified=False).address == ""


@pytest.mark.parametrize(
    ("given", "remedy"),
    [
        ({"oidc_client": ""}, "IOC_OIDC_CLIENT is not set"),
        ({"oidc_roles": ""}, "IOC_OIDC_ROLES is not set"),
        ({"oidc_issuer": ""}, "not IOC_OIDC_ISSUER"),
        ({"oidc_issuer": "http://id.city.example"}, "https://"),
        ({"oidc_issuer": "http://127.0.0.1.evil.example"}, "https://"),
        ({"oidc_issuer": "https://id.city.example?x=1"}, "bare address"),
        ({"oidc_roles": "groups:duty=boss"}, "names no role"),
        ({"oidc_roles": "duty=operator"}, "names no claim"),
        ({"oidc_roles": "groups:=operator"}, "names no claim"),
        ({"oidc_roles": "groups:duty"}, "names no role"),
        ({"oidc_roles": "*=display"}, "names no role"),
        ({"oidc_roles": "*=viewer, groups:duty=operator"}, "never reached"),
        ({"oidc_roles": "*=viewer@ward:1"}, "area:KEY"),
        ({"oidc_roles": "*=viewer@area:"}, "area:KEY"),
    ],
)
def test_a_wrong_setting_is_refused_with_its_remedy(given, remedy):
    with pytest.raises(SettingsError, match=remedy):
        client(**given)


def test_without_a_provider_there_is_none_and_on_this_machine_it_needs_no_tls():
    assert grants.client(Settings()) is None
    assert client(oidc_issuer="http://127.0.0.1:3000").name == "127.0.0.1"
    assert client(oidc_name="VNeID").name == "VNeID"


def test_a_client_in_a_log_shows_no_secret():
    assert "hush" not in f"{client(oidc_secret='hush')!r}"
