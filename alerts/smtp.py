"""One mail to one address over SMTP, and what the server's answer means. The only importer of smtplib.

One recipient a transaction: smtplib does not raise when only some of several are refused.
"""

from __future__ import annotations

import hashlib
import smtplib
import socket
import ssl
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from alerts.fate import Fate, Result
from ioc.errors import ConfigError, Fault

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ioc.store.outbox import Letter

CONNECT_S = 10.0
READ_S = 60.0
WHOLE_S = 240.0  # an attempt in all: a server may also answer a byte a minute; below the outbox's lease
_PORTS = {"smtp": 25, "smtps": 465, "smtp+starttls": 587}
_HELLO = "ioc.localdomain"  # fixed: asking the system for its name can hang on DNS
_NO_ADDRESS = {550, 551, 553, 501}
_AUTH = {530, 534, 535, 538}


@dataclass(frozen=True, slots=True)
class Server:
    """Where mail leaves. digest: changes when anything of it changes, and gives no password away.

    ca: file of the authority that signed its certificate; one of the system's where it is empty.
    """

    scheme: str
    host: str
    port: int
    user: str
    password: str
    digest: str
    ca: str = ""

    def __repr__(self) -> str:
        return f"{self.scheme}://{self.host}:{self.port}"


def server(url: str, ca: str = "") -> Server:
    """`smtp://`, `smtps://` or `smtp+starttls://user:password@host:port`. Raises ConfigError."""
    _trusted(ca)
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS[parts.scheme]
    except (ValueError, KeyError) as error:
        raise ConfigError([Fault("IOC_SMTP_URL", "", f"not a mail server's address ({error})")]) from error
    digest = hashlib.sha256(f"{url}{ca}".encode()).hexdigest()[:16]
    return Server(parts.scheme, parts.hostname or "localhost", port, unquote(parts.username or ""),
                  unquote(parts.password or ""), digest, ca)  # fmt: skip


def _trusted(ca: str) -> None:
    """Raises ConfigError where the file cannot be used, before a mail waits for it."""
    try:
        _tls(ca)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError([Fault("IOC_SMTP_CA", "", f"{ca} holds no certificate of an authority ({error})")]) from error


class Mail:
    """The channel `mail`. sender: who answers and bounces go to; with `verp` a bounce names the mail it is about."""

    key = "mail"

    def __init__(self, server: Server, sender: str, *, verp: bool = False) -> None:
        self._server, self._sender, self._verp = server, sender, verp
        self.digest = server.digest

    def send(self, letter: Letter, mark: Callable[[str], None] = lambda _: None) -> Result:
        user, _, domain = self._sender.rpartition("@")
        sender = f"{user}+{letter.id.hex}@{domain}" if self._verp else self._sender
        return send(self._server, sender, letter.email, letter.mime, mark, envelope=letter.id.hex)


def send(
    to: Server,
    sender: str,
    recipient: str,
    mail: bytes,
    mark: Callable[[str], None] = lambda _: None,
    *,
    envelope: str = "",
) -> Result:
    """Deliver one mail; never raises for what a server may do. `mark` is told each point reached, for crash tests.

    envelope: the id by which a server that offers it reports a failure later (RFC 3461).
    """
    accepted = False
    connection: smtplib.SMTP | None = None
    try:
        connection = _connect(to)
        with _in_time(connection):
            connection.ehlo_or_helo_if_needed()
            mail_options, rcpt_options = _options(connection, recipient, envelope)
            _expect(connection.mail(sender, mail_options), smtplib.SMTPSenderRefused, sender)
            mark("mail")
            _expect(connection.rcpt(recipient, rcpt_options), _Refused)
            accepted = True
            code, text = connection.data(mail)
            mark("data")
        if code != 250:
            raise smtplib.SMTPDataError(code, text)
        return Result(Fate.SENT, f"{code} {_words(text)}")
    except (smtplib.SMTPException, OSError) as error:
        return _meaning(error, in_data=accepted)
    finally:
        _leave(connection)


def _options(connection: smtplib.SMTP, recipient: str, envelope: str) -> tuple[list[str], list[str]]:
    """Of MAIL and RCPT, where the server offers them."""
    mail, rcpt = [], []
    if connection.has_extn("smtputf8") and not recipient.isascii():
        mail.append("SMTPUTF8")
    if envelope and connection.has_extn("dsn"):
        mail += ["RET=HDRS", f"ENVID={envelope}"]
        rcpt.append("NOTIFY=FAILURE")
    return mail, rcpt


@contextmanager
def _in_time(connection: smtplib.SMTP) -> Iterator[None]:
    """Time-outs hold for one answer; this for all of them together."""
    timer = threading.Timer(WHOLE_S, _cut, [connection])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _cut(connection: smtplib.SMTP) -> None:
    with suppress(OSError):
        if connection.sock is not None:
            connection.sock.shutdown(socket.SHUT_RDWR)


def _leave(connection: smtplib.SMTP | None) -> None:
    """Politely, and whatever the server makes of it changes nothing any more."""
    if connection is not None:
        with suppress(smtplib.SMTPException, OSError):
            if connection.sock is not None:
                connection.sock.settimeout(CONNECT_S)
            connection.quit()
        connection.close()


class _Refused(smtplib.SMTPResponseException):
    """The recipient was refused."""


def _expect(answer: tuple[int, bytes], error: type[smtplib.SMTPResponseException], *more: str) -> None:
    if answer[0] not in (250, 251):
        raise error(*answer, *more)


def _connect(to: Server) -> smtplib.SMTP:
    if to.scheme == "smtps":
        smtp: smtplib.SMTP = smtplib.SMTP_SSL(to.host, to.port, _HELLO, timeout=CONNECT_S, context=_tls(to.ca))
    else:
        smtp = smtplib.SMTP(to.host, to.port, _HELLO, timeout=CONNECT_S)
    try:
        if to.scheme == "smtp+starttls":
            smtp.starttls(context=_tls(to.ca))
        if to.user:
            smtp.login(to.user, to.password)
        if smtp.sock is not None:
            smtp.sock.settimeout(READ_S)
    except BaseException:
        smtp.close()
        raise
    return smtp


def _tls(ca: str) -> ssl.SSLContext:
    """Checks the certificate and that it is made out for this host."""
    context = ssl.create_default_context(cafile=ca or None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _meaning(error: Exception, *, in_data: bool) -> Result:
    """What each kind of failure means."""
    if isinstance(error, smtplib.SMTPResponseException):
        return Result(_answered(error), f"{error.smtp_code} {_words(error.smtp_error)}")
    if isinstance(error, smtplib.SMTPNotSupportedError | ssl.SSLCertVerificationError):
        return Result(Fate.STOPPED, _words(error))
    silent = isinstance(error, TimeoutError) or "timed out" in str(error)  # smtplib calls a time-out a disconnection
    return Result(Fate.UNSURE if in_data else Fate.DOWN, _words(error), down=silent)


def _answered(error: smtplib.SMTPResponseException) -> Fate:
    """The server said no in so many words."""
    code, words = error.smtp_code, _words(error.smtp_error)
    if isinstance(error, smtplib.SMTPConnectError):
        return Fate.DOWN
    if isinstance(error, smtplib.SMTPAuthenticationError) or code in _AUTH:
        return Fate.LATER if 400 <= code < 500 else Fate.STOPPED
    if 400 <= code < 500:
        return Fate.LATER
    if isinstance(error, smtplib.SMTPSenderRefused):
        return Fate.STOPPED  # our own sender address is wrong: it concerns every mail
    nobody = words.startswith("5.1.") or (isinstance(error, _Refused) and code in _NO_ADDRESS)
    return Fate.NO_ADDRESS if nobody and not words.startswith(("5.7.", "5.3.4")) else Fate.REJECTED


def _words(error: object) -> str:
    text = error.decode(errors="replace") if isinstance(error, bytes) else str(error) or type(error).__name__
    if isinstance(error, TimeoutError | socket.gaierror):
        text = f"{type(error).__name__}: {text}"
    return " ".join(text.split())[:400]
