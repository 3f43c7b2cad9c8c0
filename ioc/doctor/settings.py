"""The machine's own settings: secrets that are missing or short, open doors that were asked for, plain connections."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ioc.doctor.case import Finding, Level, loopback, note, serious, weak

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ioc.doctor.case import Case

_GOOD_SECRET = 32  # characters: 128 bits in hex
_FEW = 8  # different characters: what somebody typed, not what a program drew


def secret(case: Case) -> Iterator[Finding]:
    given = case.settings.secret
    make = "put `openssl rand -hex 32` into a file only the parts can read, and name it as IOC_SECRET_FILE"
    if not given and case.data is None:
        yield weak(
            "settings.secret_missing",
            "IOC_SECRET is not set: mails carry no links that act, and each part signs on its own",
            make,
        )
    elif given and (len(given) < _GOOD_SECRET or len(set(given)) < _FEW):
        yield serious(
            "settings.secret_short",
            "IOC_SECRET is short enough to be guessed: whoever does signs links in our name",
            make,
        )


def auth(case: Case) -> Iterator[Finding]:
    settings = case.settings
    if settings.auth == "open":
        near = loopback(settings.http_host)
        yield Finding(
            Level.WEAK if near else Level.SERIOUS,
            "settings.auth_open",
            "IOC_AUTH=open: nobody logs in, and everybody " + ("on this machine " if near else "") + "may do all",
            "take IOC_AUTH away and make accounts: ioc users add NAME --role administrator",
        )
    elif settings.auth == "proxy" and not settings.proxy:
        yield serious(
            "settings.auth_proxy",
            "IOC_AUTH=proxy without IOC_PROXY: anybody can claim that a proxy has let them in",
            "name the addresses of your proxy in IOC_PROXY, or take IOC_AUTH away",
        )


def password(case: Case) -> Iterator[Finding]:
    if case.settings.password and case.data is None:
        yield note(
            "settings.password_left",
            "IOC_PASSWORD is still set: it is only for the first account, and lies in a file or environment",
            "take it away once somebody has logged in and changed it",
        )


def base_url(case: Case) -> Iterator[Finding]:
    parts = urlsplit(case.settings.base_url)
    if parts.scheme == "http" and not loopback(parts.hostname or ""):
        yield serious(
            "settings.base_url_plain",
            f"links and log-ins go to {parts.scheme}://{parts.hostname} in plain: passwords can be read on the way",
            "give IOC_TLS_CERT and IOC_TLS_KEY, or put a TLS proxy in front (IOC_PROXY); IOC_BASE_URL=https://...",
        )


def provider(case: Case) -> Iterator[Finding]:
    parts = urlsplit(case.settings.oidc_issuer)
    if parts.scheme == "http" and not loopback(parts.hostname or ""):
        yield serious(
            "settings.oidc_plain",
            "IOC_OIDC_ISSUER is http://: whoever is on the way can log in as anybody",
            "use the provider's https:// address",
        )
    roles = [pair.partition("=") for pair in case.settings.oidc_roles.split(",")]
    if any(claim.strip() == "*" and role.strip() in {"administrator", "manager"} for claim, _, role in roles):
        yield serious(
            "settings.oidc_everybody",
            "IOC_OIDC_ROLES makes everybody the provider knows more than an operator",
            "write *=viewer, or no * at all, and name groups for the rest",
        )


def breached(case: Case) -> Iterator[Finding]:
    if not case.settings.breached and not case.settings.oidc_issuer and case.data is None:
        yield note(
            "settings.breached",
            "IOC_BREACHED is not set: only common passwords are refused, not stolen ones",
            "download the SHA-1 list, ordered by hash, from haveibeenpwned.com, and name it in IOC_BREACHED",
        )


def plain(case: Case) -> Iterator[Finding]:
    """Connections that leave this machine unencrypted."""
    settings = case.settings
    broker, mail = urlsplit(settings.broker_url), urlsplit(settings.smtp_url)
    if broker.scheme == "mqtt" and not loopback(broker.hostname or ""):
        yield Finding(
            Level.SERIOUS if broker.password else Level.WEAK,
            "settings.broker_plain",
            f"the broker {broker.hostname} is spoken to in plain: messages, and the password, can be read and changed",
            "open a TLS listener there, and write mqtts://...:8883 with IOC_BROKER_CA",
        )
    if mail.scheme == "smtp" and not loopback(mail.hostname or ""):
        yield Finding(
            Level.SERIOUS if mail.password else Level.WEAK,
            "settings.mail_plain",
            f"mails go to {mail.hostname} in plain" + (", and so does the password" if mail.password else ""),
            "write smtps:// or smtp+starttls://",
        )


CHECKS = (secret, auth, password, base_url, provider, breached, plain)
