"""Certificates, as servers show them and as they lie in files: until when, by whom signed, and who believes them."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import parse_qs, urlsplit

from cryptography import x509

from ioc.doctor.case import Finding, Level, Unseen, note, serious, weak
from ioc.doctor.handshake import look
from ioc.settings import address

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ioc.doctor.case import Case

_SOON = timedelta(days=30)
_VERY_SOON = timedelta(days=7)
_RENEW = {
    "web": "put a new one where IOC_TLS_CERT and IOC_TLS_KEY point; it is taken up without a restart",
    "mqtt": "renew the broker's certificate and reload the broker",
    "postgresql": "renew server.crt and server.key, then `pg_ctl reload`",
    "mail": "renew the mail server's certificate",
    "oidc": "tell whoever runs the provider",
    "file": "get a new one from whoever signed it",
    "local": "ioc certificates renew",
}


class Standing(NamedTuple):
    """A certificate as seen. kind: a key of _RENEW; doubt: why nobody would believe it, empty where it is fine."""

    name: str
    kind: str
    until: datetime
    self_made: bool
    doubt: str = ""


def served(case: Case) -> Iterator[Finding]:
    """What the servers show that the settings name."""
    for name, kind, how, host, port, ca in targets(case):
        try:
            shown = look(host, port, how, ca)
            yield from judge(read(name, kind, shown.der, shown.doubt), case.now)
        except (OSError, ValueError) as error:
            yield note(
                f"certificates.{kind}_unseen",
                f"the certificate of {name} could not be looked at: {error}",
                "see whether it runs, and look again",
            )


def filed(case: Case) -> Iterator[Finding]:
    """What lies in files of ours; a key is not looked into."""
    settings = case.settings
    given = {
        "IOC_TLS_CERT": settings.tls_cert,
        "IOC_BROKER_CA": settings.broker_ca,
        "IOC_BROKER_CERT": settings.broker_cert,
        "IOC_SMTP_CA": settings.smtp_ca,
        "IOC_OIDC_CA": settings.oidc_ca,
    }
    for name, path in given.items():
        if path and path.partition(":")[0] != "local":
            yield from _file(name, Path(path), "web" if name == "IOC_TLS_CERT" else "file", case.now)
    for file in sorted((case.data / "tls").glob("*.pem")) if case.data else ():
        yield from _file(f"{file.name} of the local authority", file, "local", case.now)


def judge(one: Standing, now: datetime) -> Iterator[Finding]:
    left = one.until - now
    about = f"certificates.{one.kind}"
    if left <= timedelta(0):
        yield serious(
            f"{about}_expired", f"the certificate of {one.name} ran out on {one.until:%Y-%m-%d}", _RENEW[one.kind]
        )
    elif left < _SOON and one.kind != "local":  # those renew themselves
        level = Level.SERIOUS if left < _VERY_SOON else Level.WEAK
        yield Finding(
            level,
            f"{about}_soon",
            f"the certificate of {one.name} runs out on {one.until:%Y-%m-%d}, in {left.days} days",
            _RENEW[one.kind],
        )
    if one.self_made and one.kind not in {"local", "file"}:
        yield weak(
            f"{about}_self_made",
            f"the certificate of {one.name} is signed by itself or a local authority",
            "for more than a trial take one of your own authority, or of a public one",
        )
    if left > timedelta(0) and one.doubt and ("mismatch" in one.doubt or not one.self_made):
        yield serious(
            f"{about}_doubt",
            f"nobody can believe the certificate of {one.name}: {one.doubt}",
            "let its names and its authority fit; name the authority where the settings have one for it",
        )


def read(name: str, kind: str, content: bytes, doubt: str = "") -> Standing:
    """A certificate in PEM or DER. Raises ValueError."""
    load = x509.load_pem_x509_certificate if b"-----BEGIN" in content else x509.load_der_x509_certificate
    found = load(content)
    authority = found.issuer == found.subject and kind in {"file", "local"}
    local = "IOC local CA" in found.issuer.rfc4514_string()
    return Standing(
        name, kind, found.not_valid_after_utc, (found.issuer == found.subject or local) and not authority, doubt
    )


def targets(case: Case) -> Iterator[tuple[str, str, str, str, int, str]]:
    """(name, kind, how it is spoken to, host, port, authority's file) of each server with TLS in the settings."""
    settings = case.settings
    web, oidc = urlsplit(settings.base_url), urlsplit(settings.oidc_issuer)
    if web.scheme == "https" and web.hostname:
        yield "the screens", "web", "web", web.hostname, web.port or 443, ""
    if settings.broker_url.startswith("mqtts"):
        broker = address(settings.broker_url, {"mqtts": 8883})
        yield "the broker", "mqtt", "mqtt", broker.host, broker.port, settings.broker_ca
    if settings.smtp_url.startswith(("smtps", "smtp+starttls")):
        mail = address(settings.smtp_url, {"smtps": 465, "smtp+starttls": 587})
        yield (
            "the mail server",
            "mail",
            "smtps" if mail.scheme == "smtps" else "smtp",
            mail.host,
            mail.port,
            settings.smtp_ca,
        )
    if oidc.scheme == "https" and oidc.hostname:
        yield "the log-in provider", "oidc", "web", oidc.hostname, oidc.port or 443, settings.oidc_ca
    yield from _database(settings.database_url)


def _database(url: str) -> Iterator[tuple[str, str, str, str, int, str]]:
    parts = urlsplit(url)
    asked = parse_qs(parts.query)
    if (
        parts.hostname
        and "," not in parts.netloc
        and asked.get("sslmode", ["prefer"])[0] in {"require", "verify-ca", "verify-full"}
    ):
        yield (
            "the database",
            "postgresql",
            "postgresql",
            parts.hostname,
            parts.port or 5432,
            asked.get("sslrootcert", [""])[0],
        )


def _file(name: str, path: Path, kind: str, now: datetime) -> Iterator[Finding]:
    try:
        yield from judge(read(name, kind, path.read_bytes()), now)
    except PermissionError:
        raise Unseen(f"{path} may not be read by this user") from None
    except (OSError, ValueError) as error:
        yield serious(
            "certificates.unreadable",
            f"{name}, {path}, is no certificate that can be read: {error}",
            "put one there in PEM, first the server's, then those above it",
        )


CHECKS = (served, filed)
