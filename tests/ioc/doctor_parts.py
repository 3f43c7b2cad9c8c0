"""What the tests of `ioc doctor` need: certificates of any age, and servers that speak TLS as each kind does."""

from __future__ import annotations

import socket
import ssl
import threading
from contextlib import contextmanager, suppress
from datetime import timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


def certificate(folder, now, *, days=90.0, name="localhost", issuer=None):
    """A self-signed certificate with its key in one file, good until `days` from now; issuer: another name signs."""
    key = ec.generate_private_key(ec.SECP256R1())
    own, by = (x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, n)]) for n in (name, issuer or name))
    made = x509.CertificateBuilder(by, own, key.public_key(), x509.random_serial_number(), now - timedelta(days=400),
                                   now + timedelta(days=days))  # fmt: skip
    made = made.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
    made = made.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True).sign(
        key, hashes.SHA256()
    )
    file = folder / f"{name}-{days}.pem"
    pem = serialization.Encoding.PEM
    file.write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()) + made.public_bytes(pem)
    )
    return file


@contextmanager
def server(kind="web", *, pem=None, host="127.0.0.1"):
    """Something that listens; with a certificate it speaks TLS as a server of that kind does. Yields its port."""
    context = None
    if pem is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem)
    with socket.create_server((host, 0)) as listener:
        thread = threading.Thread(target=_serve, args=(listener, kind, context), daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(5)


def _serve(listener, kind, context):
    while True:
        try:
            link, _ = listener.accept()
        except OSError:
            return
        with link, suppress(OSError, ssl.SSLError):
            link.settimeout(2)
            if not _greet(link, kind, offers=context is not None):
                continue
            if context is None:
                link.recv(100)
                link.sendall(b"plain\r\n")
            else:
                with context.wrap_socket(link, server_side=True) as tls:
                    tls.recv(1)


def _greet(link, kind, *, offers):
    if kind == "postgresql":
        link.recv(8)
        link.sendall(b"S" if offers else b"N")
        return offers
    if kind == "smtp":
        link.sendall(b"220 here\r\n")
        link.recv(100)
        link.sendall(b"250-here\r\n250 STARTTLS\r\n" if offers else b"250 here\r\n")
        if not offers:
            return False
        link.recv(100)
        link.sendall(b"220 go\r\n")
    return True
