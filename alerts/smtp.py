"""One mail to one address over SMTP, and what the server's answer means. The only importer of smtplib.

One recipient a transaction: smtplib does not raise when only some of several are refused.
"""

from __future__ import annotations

import hashlib
import smtplib
import socket
import ssl
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from ioc.errors import ConfigError, Fault

if TYPE_CHECKING:
    from collections.abc import Callable

CONNECT_S = 10.0
READ_S = 60.0
_PORTS = {"smtp": 25, "smtps": 465, "smtp+starttls": 587}
_HELLO = "ioc.localdomain"  # fixed: asking the system for its name can hang on DNS
_NO_ADDRESS = {550, 551, 553, 501}
_AUTH = {530, 534, 535, 538}


class Fate(Enum):
    """What became of an attempt, and what follows."""

    SENT = "sent"
    LATER = "later"  # 4xx: the server asks to come back
    NO_ADDRESS = "no_address"  # this person cannot be reached here
    REJECTED = "rejected"  # the message itself is unwanted: once more as plain text
    STOPPED = "stopped"  # our own settings are wrong: no mail can leave until somebody corrects them
    DOWN = "down"  # the server cannot be reached: no attempt was made
    UNSURE = "unsure"  # it may have taken the mail and could not say so


@dataclass(frozen=True, slots=True)
class Result:
    fate: Fate
    reply: str


@dataclass(frozen=True, slots=True)
class Server:
    """Where mail leaves. digest: changes when anything of it changes, and gives no password away."""

    scheme: str
    host: str
    port: int
    user: str
    password: str
    digest: str

    def __repr__(self) -> str:
        return f"{self.scheme}://{self.host}:{self.port}"


def server(url: str) -> Server:
    """`smtp://`, `smtps://` or `smtp+starttls://user:password@host:port`. Raises ConfigError."""
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS[parts.scheme]
    except (ValueError, KeyError) as error:
        raise ConfigError([Fault("IOC_SMTP_URL", "", f"not a mail server's address ({error})")]) from error
    digest = hashlib.sha256(url.encode()).hexdigest()[:16]
    return Server(parts.scheme, parts.hostname or "localhost", port, unquote(parts.username or ""),
                  unquote(parts.password or ""), digest)  # fmt: skip


def send(to: Server, sender: str, recipient: str, mail: bytes, mark: Callable[[str], None] = lambda _: None) -> Result:
    """Deliver one mail; never raises for what a server may do. `mark` is told each point reached, for crash tests."""
    accepted = False
    connection: smtplib.SMTP | None = None
    try:
        connection = _connect(to)
        connection.ehlo_or_helo_if_needed()
        options = ["SMTPUTF8"] if connection.has_extn("smtputf8") and not recipient.isascii() else []
        _expect(connection.mail(sender, options), smtplib.SMTPSenderRefused, sender)
        mark("mail")
        _expect(connection.rcpt(recipient), _Refused)
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
        smtp: smtplib.SMTP = smtplib.SMTP_SSL(to.host, to.port, _HELLO, timeout=CONNECT_S, context=_tls())
    else:
        smtp = smtplib.SMTP(to.host, to.port, _HELLO, timeout=CONNECT_S)
    try:
        if to.scheme == "smtp+starttls":
            smtp.starttls(context=_tls())
        if to.user:
            smtp.login(to.user, to.password)
        if smtp.sock is not None:
            smtp.sock.settimeout(READ_S)
    except BaseException:
        smtp.close()
        raise
    return smtp


def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()


def _meaning(error: Exception, *, in_data: bool) -> Result:
    """What each kind of failure means."""
    if isinstance(error, smtplib.SMTPResponseException):
        return Result(_answered(error), f"{error.smtp_code} {_words(error.smtp_error)}")
    if isinstance(error, smtplib.SMTPNotSupportedError | ssl.SSLCertVerificationError):
        return Result(Fate.STOPPED, _words(error))
    return Result(Fate.UNSURE if in_data else Fate.DOWN, _words(error))


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
    policy = words.startswith(("5.7.", "5.3.4"))
    return Fate.NO_ADDRESS if isinstance(error, _Refused) and code in _NO_ADDRESS and not policy else Fate.REJECTED


def _words(error: object) -> str:
    text = error.decode(errors="replace") if isinstance(error, bytes) else str(error) or type(error).__name__
    if isinstance(error, TimeoutError | socket.gaierror):
        text = f"{type(error).__name__}: {text}"
    return " ".join(text.split())[:400]
