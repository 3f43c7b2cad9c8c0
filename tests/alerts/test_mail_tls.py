"""Mail leaves encrypted only to a server that proves who it is, and never by mistake in the clear."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime

import pytest

from alerts import smtp
from alerts.fate import Fate
from ioc.access import pki
from ioc.errors import ConfigError
from tests.alerts.mail_server import MailServer, accept_everybody

MAIL = b"Subject: x\r\n\r\nx\r\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("tls")
    pki.keep(made, "mail", ["localhost"], datetime.now(UTC))
    pki.keep(made, "elsewhere", ["mail.elsewhere.example"], datetime.now(UTC))
    pki.authority(made / "other", datetime.now(UTC))
    return made


def served(folder, name, scheme):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / f"{name}.pem")
    options = {"tls_context": context} if scheme == "smtp+starttls" else {"ssl_context": context}
    return MailServer(**options, authenticator=accept_everybody, auth_required=False, auth_require_tls=False).start()


def send(scheme, port, ca):
    server = smtp.server(f"{scheme}://ioc:secret@localhost:{port}", str(ca))
    return smtp.send(server, "ioc@city.test", "duty@city.test", MAIL)


@pytest.mark.parametrize("scheme", ["smtp+starttls", "smtps"])
@pytest.mark.parametrize(
    ("name", "ca", "fate"),
    [
        ("mail", "ca.pem", Fate.SENT),
        ("mail", "other/ca.pem", Fate.STOPPED),
        ("mail", "", Fate.STOPPED),
        ("elsewhere", "ca.pem", Fate.STOPPED),
    ],
)
def test_a_server_is_believed_by_its_authority_and_name_only(folder, scheme, name, ca, fate):
    server = served(folder, name, scheme)
    try:
        result = send(scheme, server.port, folder / ca if ca else "")
        assert result.fate == fate, result
        assert len(server.mails) == (fate == Fate.SENT)
        assert "certificate" in result.reply.lower() or fate == Fate.SENT
    finally:
        server.stop()


def test_a_server_without_starttls_gets_neither_password_nor_mail(folder):
    tried = []

    def note(*_):
        tried.append(1)
        return accept_everybody(*_)

    server = MailServer(authenticator=note, auth_required=False, auth_require_tls=False).start()
    try:
        assert send("smtp+starttls", server.port, folder / "ca.pem").fate == Fate.STOPPED
        assert (tried, server.mails) == ([], [])
    finally:
        server.stop()


def test_a_file_that_is_no_authority_is_told_at_once(tmp_path):
    (tmp_path / "ca.pem").write_text("x")
    for file in (tmp_path / "ca.pem", tmp_path / "missing.pem"):
        with pytest.raises(ConfigError, match="IOC_SMTP_CA"):
            smtp.server("smtps://mail.example", str(file))
