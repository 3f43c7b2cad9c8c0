"""A certificate authority of this machine's own, for trials: a folder in, certificates that renew themselves out.

FOLDER/ca.pem is what others are to trust, FOLDER/ca.key never leaves it, and NAME.pem holds one server's key and
certificate in one file, so that a renewal replaces both at once and nobody ever reads halves of two.
"""

from __future__ import annotations

import fcntl
import ipaddress
import os
import re
import secrets
import socket
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ioc.errors import IocError
from ioc.settings import data_home

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

CA_YEARS = timedelta(days=3650)
LIFE = timedelta(days=90)
_SKEW = timedelta(hours=1)  # a clock that is a little behind ours takes it nevertheless
_HOST = re.compile(r"(\*\.)?[A-Za-z0-9_][A-Za-z0-9_-]*(\.[A-Za-z0-9_-]+)*", re.ASCII)
_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,40}[a-z0-9])?", re.ASCII)


class CertificateError(IocError):
    """A certificate cannot be made or read."""


class Certificate(NamedTuple):
    """One of the folder. names: DNS names and addresses it is made out for. due: it is to be renewed now."""

    name: str
    file: Path
    names: tuple[str, ...]
    since: datetime
    until: datetime
    due: bool


def authority(folder: Path, now: datetime) -> Path:
    """The certificate others are to trust; made where there is none. Raises CertificateError."""
    file = folder / "ca.pem"
    with _alone(folder):
        if not (file.exists() and (folder / "ca.key").exists()):
            key = ec.generate_private_key(ec.SECP256R1())
            subject = _subject(f"IOC local CA {socket.gethostname()[:30]} {secrets.token_hex(3)}")
            made = _builder(subject, subject, key.public_key(), now, CA_YEARS)
            made = made.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            made = made.add_extension(_usage(sign=True), critical=True)
            _write(folder / "ca.key", _pem(key))
            _write(file, made.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM), mode=0o644)
    return file


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One process at a time: two that start at once must not make halves of two authorities."""
    if not folder.exists():
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def issue(folder: Path, name: str, names: Iterable[str], now: datetime) -> Certificate:
    """A new certificate and key NAME.pem for a server of these names and addresses. Raises CertificateError."""
    if not _NAME.fullmatch(name) or name == "ca":
        raise CertificateError(f"{name!r} cannot be a certificate's name: lower-case letters, digits and -, not `ca`")
    wanted = {str(general.value): general for general in map(_general, names)}
    ca, ca_key = _ca(folder, now)
    key = ec.generate_private_key(ec.SECP256R1())
    made = _builder(_subject(next(iter(wanted), name)), ca.subject, key.public_key(), now, LIFE)
    made = made.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    made = made.add_extension(_usage(sign=False), critical=True)
    made = made.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    made = made.add_extension(x509.SubjectAlternativeName(list(wanted.values())), critical=False)
    made = made.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False)
    signed = made.sign(ca_key, hashes.SHA256())
    _write(folder / f"{name}.pem", _pem(key) + signed.public_bytes(Encoding.PEM))
    return _told(folder / f"{name}.pem", signed, ca, now)


def keep(folder: Path, name: str, names: Iterable[str], now: datetime) -> Certificate:
    """The certificate NAME.pem, made or renewed where it is due, damaged, or not made out for one of `names`."""
    wanted = {str(_general(one).value) for one in names}
    ca, _ = _ca(folder, now)
    with suppress(OSError, ValueError):
        file = folder / f"{name}.pem"
        found = _told(file, _read(file), ca, now)
        if not found.due and wanted <= set(found.names):
            return found
    return issue(folder, name, sorted(wanted, key=_order), now)


def listed(folder: Path, now: datetime) -> list[Certificate]:
    """Every certificate of the folder, its authority first; none where there is no authority."""
    if not (folder / "ca.pem").exists():
        return []
    ca = _read(folder / "ca.pem")
    found = [Certificate("ca", folder / "ca.pem", (), ca.not_valid_before_utc, ca.not_valid_after_utc,
                         now >= ca.not_valid_after_utc - LIFE)]  # fmt: skip
    for file in sorted(folder.glob("*.pem")):
        if file.name != "ca.pem":
            try:
                found.append(_told(file, _read(file), ca, now))
            except ValueError as error:
                raise CertificateError(f"{file} holds no certificate: {error}") from error
    return found


def machine_folder() -> Path:
    """Where the authority of this user's machine lives, where no data folder of an `ioc up` is named."""
    return data_home() / "ioc" / ".tls"


def split(file: Path, out: Path) -> list[Path]:
    """Certificate and key as two files in `out`, as programs want them that cannot take one. Raises OSError."""
    out.mkdir(parents=True, exist_ok=True)
    content = file.read_bytes()
    at = content.index(b"-----BEGIN CERTIFICATE")
    found = [out / f"{file.stem}.crt", out / f"{file.stem}.key"]
    _write(found[1], content[:at])
    _write(found[0], content[at:], mode=0o644)
    return found


def fingerprint(file: Path) -> str:
    """SHA-256 of a certificate, as browsers show it."""
    digest = _read(file).fingerprint(hashes.SHA256()).hex().upper()
    return ":".join(digest[at : at + 2] for at in range(0, len(digest), 2))


def own_names(host: str = "", hosts: str = "") -> list[str]:
    """What this machine is called: localhost, its loopback addresses, its own name, and `hosts` with commas between.

    host: the address that is listened on; where that is every address, all of this machine's.
    """
    found = ["localhost", "127.0.0.1", "::1", socket.gethostname(), *(one.strip() for one in hosts.split(","))]
    if host in ("0.0.0.0", "::"):  # noqa: S104  compared, not bound
        found += _addresses()
    return list(dict.fromkeys(filter(None, [*found, host])))


def _addresses() -> list[str]:
    """Every address of this machine that others may know it by."""
    import psutil

    families = (socket.AF_INET, socket.AF_INET6)
    every = [one.address for some in psutil.net_if_addrs().values() for one in some if one.family in families]
    return [one for one in every if "%" not in one]


def _ca(folder: Path, now: datetime) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    file = authority(folder, now)
    try:
        key = load_pem_private_key((folder / "ca.key").read_bytes(), None)
        found = _read(file)
    except (OSError, ValueError, TypeError) as error:
        raise CertificateError(
            f"the authority in {folder} cannot be read: {error}; move it away, and one is made"
        ) from error
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != found.public_key():
        raise CertificateError(
            f"{file} and ca.key beside it do not belong together; move both away, and new ones are made"
        )
    if found.not_valid_after_utc <= now:
        raise CertificateError(f"the authority {file} has run out; move it away, and a new one is made")
    return found, key


def _told(file: Path, found: x509.Certificate, ca: x509.Certificate, now: datetime) -> Certificate:
    """Due after two thirds of its life, and where another authority made it."""
    try:
        general: Iterable[x509.GeneralName] = found.extensions.get_extension_for_class(
            x509.SubjectAlternativeName
        ).value
    except x509.ExtensionNotFound:
        general = ()
    names = [str(one.value) for one in general]
    since, until = found.not_valid_before_utc, found.not_valid_after_utc
    try:
        found.verify_directly_issued_by(ca)
        foreign = False
    except (InvalidSignature, ValueError, TypeError):
        foreign = True
    due = foreign or now >= since + (until - since) * 2 / 3 or now < since
    return Certificate(file.stem, file, tuple(names), since, until, due)


def _read(file: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(file.read_bytes())


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime, life: timedelta
) -> x509.CertificateBuilder:
    made = x509.CertificateBuilder(issuer, subject, key, x509.random_serial_number(), now - _SKEW, now + life)
    return made.add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)


def _usage(*, sign: bool) -> x509.KeyUsage:
    return x509.KeyUsage(digital_signature=not sign, key_cert_sign=sign, crl_sign=sign, content_commitment=False,
                         key_encipherment=False, data_encipherment=False, key_agreement=False, encipher_only=False,
                         decipher_only=False)  # fmt: skip


def _subject(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64])])


def _general(name: str) -> x509.GeneralName:
    """Raises CertificateError on what is neither an address nor a host's name."""
    with suppress(ValueError):
        return x509.IPAddress(ipaddress.ip_address(name))
    with suppress(UnicodeError):
        told = name.encode("idna").decode()
        if _HOST.fullmatch(told):
            return x509.DNSName(told)
    raise CertificateError(f"{name!r} is neither an address nor the name of a host")


def _order(name: str) -> tuple[bool, str]:
    return name != "localhost", name


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _write(file: Path, content: bytes, *, mode: int = 0o600) -> None:
    """Whole, and never readable by others for a moment where it is a secret."""
    part = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(handle, "wb") as out:
        out.write(content)
    part.replace(file)
