"""A TLS handshake with a server of any kind: what it shows of itself, and whether an authority vouches for it."""

from __future__ import annotations

import socket
import ssl
import struct
from typing import NamedTuple

_PATIENCE = 3.0  # seconds
_SSL_REQUEST = struct.pack("!II", 8, 80877103)  # PostgreSQL's own way to ask for TLS


class Shown(NamedTuple):
    """der: its certificate; doubt: why it cannot be trusted, empty where it can."""

    der: bytes
    doubt: str


def look(host: str, port: int, kind: str, ca: str = "") -> Shown:
    """What a server shows. kind: web, mqtt, smtps (TLS at once), postgresql, smtp (TLS when asked for).

    ca: path of the authority it is trusted by, in place of the system's. Raises OSError, ValueError.
    """
    doubt = ""
    try:
        with _greeted(host, port, kind) as link:
            trusting = ssl.create_default_context(cafile=ca or None)
            with trusting.wrap_socket(link, server_hostname=host) as tls:
                return Shown(tls.getpeercert(binary_form=True) or b"", "")
    except ssl.SSLCertVerificationError as error:
        doubt = error.verify_message or str(error)
    with _greeted(host, port, kind) as link, _blind().wrap_socket(link, server_hostname=host) as tls:
        return Shown(tls.getpeercert(binary_form=True) or b"", doubt)


def speaks_tls(link: socket.socket, kind: str) -> bool:
    """Whether a handshake over this fresh connection succeeds. Raises OSError, ValueError."""
    link.settimeout(_PATIENCE)
    _ask(link, kind)
    with _blind().wrap_socket(link, server_hostname=None):
        return True


def _blind() -> ssl.SSLContext:
    """To see a certificate, not to trust it: nothing is sent over such a connection."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _greeted(host: str, port: int, kind: str) -> socket.socket:
    link = socket.create_connection((host, port), timeout=_PATIENCE)
    try:
        _ask(link, kind)
    except BaseException:
        link.close()
        raise
    return link


def _ask(link: socket.socket, kind: str) -> None:
    """Ask for TLS where it does not begin at once. Raises ValueError where it is refused."""
    if kind == "postgresql":
        link.sendall(_SSL_REQUEST)
        if link.recv(1) != b"S":
            raise ValueError("the database refuses TLS")
    elif kind == "smtp":
        _answer(link)
        link.sendall(b"EHLO doctor.invalid\r\n")
        if "STARTTLS" not in _answer(link).upper():
            raise ValueError("the mail server offers no STARTTLS")
        link.sendall(b"STARTTLS\r\n")
        if not _answer(link).startswith("220"):
            raise ValueError("the mail server refuses STARTTLS")


def _answer(link: socket.socket) -> str:
    """One answer of SMTP, of one line or several; 8 KB at most."""
    said = b""
    while len(said) < 8192:
        part = link.recv(1024)
        said += part
        lines = said.split(b"\r\n")
        if not part or (len(lines) > 1 and not lines[-1] and lines[-2][3:4] != b"-"):
            break
    return said.decode("ascii", "replace")
