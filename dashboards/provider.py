"""The OpenID provider, over the network: its addresses and keys, kept for a while; a code -> what it says of a person.

It may be away, slow, wrong or replaced: every answer has a size and a time, a failure is remembered for some seconds,
and a key nobody knows lets the keys be fetched again only so often, however many tokens claim one.
"""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import ssl
import time
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote_plus, urlencode, urlsplit

import httpx

from dashboards.limit import Limit
from ioc.access import grants, oidc
from ioc.access.oidc import Refused, UnknownKey
from ioc.errors import AccessError, StartError

if TYPE_CHECKING:
    from collections.abc import Callable

    from dashboards.begun import Begun
    from ioc.access.grants import Client
    from ioc.access.oidc import Claims, Signed

log = logging.getLogger(__name__)
DESCRIBED = 30.0  # seconds its description is kept, so that the log-in page soon says when it is away
KEPT = 600.0  # seconds its keys are; one it has taken back is good for so long at most
AWAY = 5.0  # seconds that a provider which did not answer is left alone
_PATIENCE = httpx.Timeout(5.0)
_WHOLE = 10.0  # seconds for one answer, however slowly it drips
_LARGEST = 1_000_000  # bytes of an answer
_AT_ONCE = 8
_ENDPOINTS = ("authorization_endpoint", "token_endpoint", "jwks_uri", "userinfo_endpoint", "end_session_endpoint")
_NEEDED = _ENDPOINTS[:3]


class Away(AccessError):  # noqa: N818  a state of the world
    """The provider does not answer now."""


class Vouched(NamedTuple):
    """What the provider says of a person; `hint` is the ID token, by which it knows whom to log out."""

    claims: Claims
    hint: str


class Provider:
    """One client's provider. Raises StartError when IOC_OIDC_CA cannot be read; every call may raise Away, Refused."""

    def __init__(self, client: Client, clock: Callable[[], float] = time.monotonic) -> None:
        self.client, self._clock = client, clock
        self._trust = _trust(client)
        self._metadata: Claims = {}
        self._keys: list[Claims] = []
        self._metadata_until = self._keys_until = self._away_until = -1.0
        self._anew = Limit(most=3, per_minute=1, keys=1)  # fetches of the keys for the sake of an unknown one
        self._one, self._few = asyncio.Lock(), asyncio.Semaphore(_AT_ONCE)

    async def login_address(self, back: str, begun: Begun, language: str) -> str:
        """Where a browser goes to log in. back: our own address that it comes back to."""
        metadata = await self.metadata()
        asked = {"response_type": "code", "client_id": self.client.id, "redirect_uri": back,
                 "scope": self._scope(metadata), "state": begun.state, "nonce": begun.nonce,
                 "code_challenge": begun.challenge, "code_challenge_method": "S256",
                 "ui_locales": language}  # fmt: skip
        return _with(str(metadata["authorization_endpoint"]), asked)

    async def logout_address(self, back: str, hint: str) -> str:
        """Where a browser goes to log out there too; "" where the provider has no such place."""
        end = str((await self.metadata()).get("end_session_endpoint") or "")
        asked = {"client_id": self.client.id, "post_logout_redirect_uri": back, "id_token_hint": hint}
        return _with(end, {name: value for name, value in asked.items() if value}) if end else ""

    async def names_itself(self) -> bool:
        """Whether it promises to say who it is when it sends somebody back (RFC 9207)."""
        return (await self.metadata()).get("authorization_response_iss_parameter_supported") is True

    async def vouch(self, code: str, back: str, begun: Begun, now: Callable[[], float]) -> Vouched:
        """Exchange a code. now: seconds since 1970. Raises also ClockDiffers."""
        told = await self._tokens(code, back, begun.verifier)
        token, access = told.get("id_token"), told.get("access_token")
        if not isinstance(token, str) or not isinstance(access, str) or str(told.get("token_type")).lower() != "bearer":
            raise Refused("answer")
        claims = oidc.id_claims(await self._signed(token), self.client, begun.nonce, now(), access)
        if oidc.incomplete(self.client, claims):
            claims = {**await self._told_of(claims, access), **claims}
        return Vouched(claims, token)

    async def logged_out(self, token: str, now: float) -> str:
        """The subject of a logout token that the provider sent us. Raises also ClockDiffers."""
        return oidc.logout_subject(await self._signed(token), self.client, now)

    async def metadata(self) -> Claims:
        """The provider's own description, checked; at most DESCRIBED seconds old."""
        async with self._one:
            if self._clock() >= self._metadata_until:
                found = await self._described()
                self._metadata, self._metadata_until = found, self._clock() + DESCRIBED
            return self._metadata

    async def _described(self) -> Claims:
        if self._clock() < self._away_until:
            raise Away
        try:
            found = await self._json("GET", self.client.issuer.rstrip("/") + "/.well-known/openid-configuration")
            self._check(found)
        except Away:
            self._away_until = self._clock() + AWAY
            raise
        return found

    def _check(self, found: Claims) -> None:
        if found.get("issuer") != self.client.issuer:
            log.error("single sign-on: the provider calls itself %.200r, not %r: write IOC_OIDC_ISSUER just so",
                      found.get("issuer"), self.client.issuer)  # fmt: skip
            raise Refused("issuer")
        for name in _ENDPOINTS:
            address = found.get(name)
            if (address is None and name in _NEEDED) or (address is not None and not self._safe(address)):
                log.error("single sign-on: the provider's %s is no address with TLS", name)
                raise Refused("answer")

    def _safe(self, address: object) -> bool:
        """TLS, or this machine's own where the issuer is that too."""
        if not isinstance(address, str):
            return False
        plain = grants.local(self.client.issuer) and grants.local(address)
        return urlsplit(address).scheme == "https" or (urlsplit(address).scheme == "http" and plain)

    async def _signed(self, token: str) -> Signed:
        try:
            return oidc.signed(token, await self._known())
        except UnknownKey:
            keys = await self._known(anew=True)
        try:
            return oidc.signed(token, keys)
        except UnknownKey:
            raise Refused("key") from None

    async def _known(self, *, anew: bool = False) -> list[Claims]:
        """The provider's keys. anew: one is asked for that is not among them; raises Refused when that is too often."""
        metadata = await self.metadata()
        async with self._one:
            if anew and not self._anew.allows("", self._clock()):
                log.warning("single sign-on: too many unknown keys are asked for; the provider is left alone")
                raise Refused("key")
            if anew or self._clock() >= self._keys_until:
                found = (await self._json("GET", str(metadata["jwks_uri"]))).get("keys")
                if not isinstance(found, list):
                    raise Refused("answer")
                self._keys = [key for key in found if isinstance(key, dict)]
                self._keys_until = self._clock() + KEPT
            return self._keys

    async def _tokens(self, code: str, back: str, verifier: str) -> Claims:
        metadata = await self.metadata()
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": back, "code_verifier": verifier}
        ways = metadata.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        headers = {}
        if self.client.secret and "client_secret_basic" in ways:
            pair = f"{quote_plus(self.client.id)}:{quote_plus(self.client.secret)}"
            headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        else:
            form["client_id"] = self.client.id
            if self.client.secret:
                form["client_secret"] = self.client.secret
        return await self._json("POST", str(metadata["token_endpoint"]), form, headers)

    async def _told_of(self, claims: Claims, access: str) -> Claims:
        """What the provider says of the user beside the ID token; of this very user only."""
        address = (await self.metadata()).get("userinfo_endpoint")
        if address is None:
            return {}
        found = await self._json("GET", str(address), headers={"Authorization": f"Bearer {access}"})
        if found.get("sub") != claims["sub"]:
            raise Refused("subject")
        return found

    def _scope(self, metadata: Claims) -> str:
        """Openid profile email, and scopes called like the claims that the roles depend on."""
        offered = metadata.get("scopes_supported", [])
        more = sorted(grants.claims(self.client.lines) & {s for s in offered if isinstance(s, str)})
        return " ".join(dict.fromkeys(["openid", "profile", "email", *more]))

    async def _json(
        self, method: str, url: str, form: dict[str, str] | None = None, headers: dict[str, str] | None = None
    ) -> Claims:
        """One answer, as a JSON object. Raises Away, Refused."""
        try:
            async with self._few, asyncio.timeout(_WHOLE):
                status, body = await self._answer(method, url, form, headers or {})
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, OSError) as error:
            log.warning("single sign-on: %s does not answer: %s", urlsplit(url).hostname, type(error).__name__)
            raise Away from error
        if status in {429, 500, 502, 503, 504}:
            log.warning("single sign-on: %s answers %s", urlsplit(url).hostname, status)
            raise Away
        return _object(status, body, posted=form is not None)

    async def _answer(
        self, method: str, url: str, form: dict[str, str] | None, headers: dict[str, str]
    ) -> tuple[int, bytes]:
        headers = {"Accept": "application/json", "Accept-Encoding": "identity", **headers}
        body = bytearray()
        async with httpx.AsyncClient(verify=self._trust, timeout=_PATIENCE) as client:
            asked = client.build_request(method, url, data=form, headers=headers)
            answer = await client.send(asked, stream=True)
            async for part in answer.aiter_bytes():
                body += part
                if len(body) > _LARGEST:
                    raise Refused("answer")
            return answer.status_code, bytes(body)


def _object(status: int, body: bytes, *, posted: bool) -> Claims:
    try:
        found: Any = json.loads(body)
    except (ValueError, RecursionError):
        found = None
    if posted and status in {400, 401}:
        wrong = found.get("error") if isinstance(found, dict) else None
        log.warning("single sign-on: the provider refuses: %.60r", wrong)
        raise Refused("code" if wrong == "invalid_grant" else "client")
    if status != 200 or not isinstance(found, dict):
        raise Refused("answer")
    return found


def _with(address: str, asked: dict[str, str]) -> str:
    return f"{address}{'&' if '?' in address else '?'}{urlencode(asked)}"


def _trust(client: Client) -> ssl.SSLContext:
    """The system's authorities, certifi's where it has none; with IOC_OIDC_CA that one alone."""
    try:
        return ssl.create_default_context(cafile=client.ca) if client.ca else _usual()
    except OSError as error:
        raise StartError(f"IOC_OIDC_CA={client.ca} cannot be used: {error}") from error


def _usual() -> ssl.SSLContext:
    context = ssl.create_default_context()
    return context if context.cert_store_stats()["x509_ca"] else httpx.create_ssl_context()
