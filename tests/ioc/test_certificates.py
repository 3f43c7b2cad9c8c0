"""A trial's own authority: what it signs is believed by who was told to, for its names only, and renews itself."""

from __future__ import annotations

import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from ioc.access import pki
from ioc.access.brokers import User, hashed
from ioc.access.pki import CertificateError
from ioc.embedded.broker import Broker, Tls, free_port
from ioc.errors import StoreAway
from ioc.store import database
from tests import services

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
KINDS = [pytest.param("mosquitto", marks=pytest.mark.mosquitto), "nats"]


def loaded(file):
    return x509.load_pem_x509_certificate(file.read_bytes())


# The authority.


def test_the_authority_is_made_once_and_its_key_is_nobody_elses(tmp_path):
    folder = tmp_path / "tls"
    first = pki.authority(folder, NOW).read_bytes()
    assert pki.authority(folder, NOW + DAY).read_bytes() == first
    made = loaded(folder / "ca.pem")
    assert isinstance(made.public_key(), ec.EllipticCurvePublicKey)
    assert made.extensions.get_extension_for_class(x509.BasicConstraints).value == x509.BasicConstraints(True, 0)
    pki.issue(folder, "web", ["localhost"], NOW)
    assert {f.name: f.stat().st_mode & 0o777 for f in folder.iterdir() if not f.name.startswith(".")} == {
        "ca.pem": 0o644, "ca.key": 0o600, "web.pem": 0o600}  # fmt: skip
    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_certificate_names_what_it_is_for_and_lives_ninety_days(tmp_path):
    made = pki.issue(tmp_path, "web", ["localhost", "127.0.0.1", "::1", "ioc.city.example", "bücher.example"], NOW)
    assert made.names == ("localhost", "127.0.0.1", "::1", "ioc.city.example", "xn--bcher-kva.example")
    assert made.until - NOW == timedelta(days=90)
    assert NOW - timedelta(days=1) < made.since <= NOW
    found = loaded(made.file)
    found.verify_directly_issued_by(loaded(tmp_path / "ca.pem"))
    assert found.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value._usages == [
        x509.oid.ExtendedKeyUsageOID.SERVER_AUTH
    ]


def test_it_is_kept_for_two_thirds_of_its_life_and_then_made_anew(tmp_path):
    first = pki.keep(tmp_path, "web", ["localhost"], NOW).file.read_bytes()
    assert pki.keep(tmp_path, "web", ["localhost"], NOW + 59 * DAY).file.read_bytes() == first
    assert pki.keep(tmp_path, "web", ["localhost"], NOW + 61 * DAY).file.read_bytes() != first
    assert not pki.listed(tmp_path, NOW + 61 * DAY)[1].due


@pytest.mark.parametrize("damage", [b"", b"garbage", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_a_damaged_one_is_made_anew(tmp_path, damage):
    pki.keep(tmp_path, "web", ["localhost"], NOW)
    (tmp_path / "web.pem").write_bytes(damage)
    assert pki.keep(tmp_path, "web", ["localhost"], NOW).names == ("localhost",)


def test_one_that_lacks_a_name_or_comes_from_another_authority_is_made_anew(tmp_path):
    first = pki.keep(tmp_path, "web", ["localhost"], NOW).file.read_bytes()
    assert set(pki.keep(tmp_path, "web", ["localhost", "new.example"], NOW).names) == {"localhost", "new.example"}
    other = pki.issue(tmp_path / "other", "web", ["localhost"], NOW).file.read_bytes()
    (tmp_path / "web.pem").write_bytes(other)
    assert pki.keep(tmp_path, "web", ["localhost"], NOW).file.read_bytes() not in {first, other}


@pytest.mark.parametrize("name", ["", "ca", "../web", "a/b", "A", "a.pem", "x" * 60, "a\n"])
def test_a_name_that_could_be_another_file_is_refused(tmp_path, name):
    with pytest.raises(CertificateError, match="cannot be a certificate's name"):
        pki.issue(tmp_path, name, ["localhost"], NOW)


@pytest.mark.parametrize("host", ["", "a b", "a\nb", "http://x", "a/b", "*", ".", "a..b", "x" * 70 + ".example"])
def test_a_host_that_is_none_is_refused(tmp_path, host):
    with pytest.raises(CertificateError, match="neither an address nor the name"):
        pki.issue(tmp_path, "web", [host], NOW)


def test_an_authority_that_is_broken_says_so_instead_of_being_replaced(tmp_path):
    pki.authority(tmp_path, NOW)
    (tmp_path / "ca.key").write_bytes((pki.authority(tmp_path / "other", NOW).parent / "ca.key").read_bytes())
    with pytest.raises(CertificateError, match="do not belong together"):
        pki.keep(tmp_path, "web", ["localhost"], NOW)
    (tmp_path / "ca.key").write_bytes(b"x")
    with pytest.raises(CertificateError, match="cannot be read"):
        pki.keep(tmp_path, "web", ["localhost"], NOW)


def test_several_at_once_make_one_authority(tmp_path):
    found = []
    makers = [
        threading.Thread(target=lambda n=n: found.append(pki.keep(tmp_path / "tls", f"n{n}", ["localhost"], NOW)))
        for n in range(4)
    ]
    for maker in makers:
        maker.start()
    for maker in makers:
        maker.join()
    assert [one.due for one in pki.listed(tmp_path / "tls", NOW)] == [False] * 5
    assert len(found) == 4


# The commands.


def ioc(home, *words, **environment):
    environ = {k: v for k, v in os.environ.items() if not k.startswith("IOC_")}
    return subprocess.run([sys.executable, "-m", "ioc", "certificates", *words], capture_output=True, text=True, check=False,
                          env=environ | {"XDG_DATA_HOME": str(home)} | environment, timeout=60)  # fmt: skip


def test_the_commands_make_show_and_renew_and_note_it(tmp_path, database_url, conn):
    nothing = ioc(tmp_path, "list")
    assert "there is no authority" in nothing.stdout
    made = ioc(tmp_path, "make", "database", "--host", "db.city.example", "--to", str(tmp_path / "out"),
               IOC_DATABASE_URL=database_url)  # fmt: skip
    assert made.returncode == 0, made.stderr
    assert (tmp_path / "out" / "database.key").stat().st_mode & 0o777 == 0o600
    assert b"PRIVATE" not in (tmp_path / "out" / "database.crt").read_bytes()
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(
        tmp_path / "out" / "database.crt", tmp_path / "out" / "database.key"
    )
    listed = ioc(tmp_path, "list").stdout
    assert "db.city.example" in listed
    assert "good" in listed
    ca = ioc(tmp_path, "ca")
    assert ca.stdout.strip() == str(tmp_path / "ioc" / ".tls" / "ca.pem")
    assert pki.fingerprint(tmp_path / "ioc" / ".tls" / "ca.pem") in ca.stderr
    before = (tmp_path / "ioc" / ".tls" / "database.pem").read_bytes()
    assert ioc(tmp_path, "renew").stdout == ""
    assert "database.pem" in ioc(tmp_path, "renew", "--all").stdout
    assert (tmp_path / "ioc" / ".tls" / "database.pem").read_bytes() != before
    [(subject, noted)] = conn.execute("SELECT subject, a::text FROM audit a WHERE deed = 'certificate.make'").fetchall()
    assert subject == "database"
    assert "PRIVATE" not in noted


# The broker.


def shown(port, ca, *, host="localhost"):
    """The serial number of the certificate somebody is shown who trusts `ca`. Raises ssl.SSLError."""
    context = ssl.create_default_context(cafile=ca)
    with (
        socket.create_connection(("127.0.0.1", port), timeout=5) as raw,
        context.wrap_socket(raw, server_hostname=host) as s,
    ):
        return s.getpeercert()["serialNumber"]


@pytest.mark.parametrize("kind", KINDS)
def test_the_broker_speaks_tls_and_shows_a_renewed_certificate_without_a_restart(kind, tmp_path):
    now = datetime.now(UTC)
    file = pki.keep(tmp_path / "tls", "broker", ["localhost"], now).file
    ca = tmp_path / "tls" / "ca.pem"
    users = (User("ioc", hashed("own"), ("#",), ("#",)),)
    broker = Broker(kind, tmp_path / "broker", free_port(), users=users, tls=Tls(file, file))
    broker.start()
    try:
        first = shown(broker.port, ca)
        with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
            shown(broker.port, ca, host="broker.example")
        with pytest.raises(ssl.SSLCertVerificationError):
            shown(broker.port, pki.authority(tmp_path / "other", now))
        pki.issue(tmp_path / "tls", "broker", ["localhost"], now)
        broker.process.send_signal(signal.SIGHUP)
        services.wait_for(lambda: shown(broker.port, ca) != first, "the new certificate")
    finally:
        broker.stop()


# The database.


class Front:
    """TLS before a PostgreSQL whose build has none: answers its request for encryption and passes on what comes."""

    def __init__(self, context, port):
        self.context, self.behind = context, port
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with suppress(OSError):
            while True:
                raw, _ = self.listener.accept()
                threading.Thread(target=self._serve, args=(raw,), daemon=True).start()

    def _serve(self, raw):
        with suppress(OSError, ssl.SSLError), closing(raw):
            while raw.recv(8) != b"\0\0\0\x08\x04\xd2\x16\x2f":  # not the request for TLS: one for Kerberos
                raw.sendall(b"N")
            raw.sendall(b"S")
            inner = self.context.wrap_socket(raw, server_side=True)
            with socket.create_connection(("127.0.0.1", self.behind)) as outer:
                threading.Thread(target=self._pass, args=(outer, inner), daemon=True).start()
                self._pass(inner, outer)

    def _pass(self, one, other):
        with suppress(OSError, ssl.SSLError):
            while data := one.recv(65_536):
                other.sendall(data)


def test_the_database_is_believed_only_by_its_authority_and_name(postgres, database_url, tmp_path):
    file = pki.keep(tmp_path / "tls", "database", ["localhost"], datetime.now(UTC)).file
    other = pki.authority(tmp_path / "other", datetime.now(UTC))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    front = Front(context, postgres.port)
    name = database_url.rpartition("/")[2]

    def connect(host, ca):
        url = f"postgresql://ioc@{host}:{front.port}/{name}?sslmode=verify-full&sslrootcert={ca}"
        with database.connect(url, autocommit=True) as conn:
            assert conn.pgconn.ssl_in_use
            return conn.execute("SELECT current_database()").fetchone()[0]

    assert connect("localhost", tmp_path / "tls" / "ca.pem") == name
    with pytest.raises(StoreAway, match=r"does not match host name|certificate"):
        connect("127.0.0.1", tmp_path / "tls" / "ca.pem")
    with pytest.raises(StoreAway, match="certificate"):
        connect("localhost", other)
    front.listener.close()
