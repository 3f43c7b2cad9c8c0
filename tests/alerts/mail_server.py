"""A real SMTP server that does as told: takes mail, refuses, hangs, cuts the line at any point."""

from __future__ import annotations

import asyncio
import email
import email.policy

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

from tests.services import free_port


class MailServer:
    """`mails` is what it took: (recipient, parsed message, raw bytes). `say` answers, `cut` and `hang` misbehave once each."""

    def __init__(self, **options):
        self.mails, self.answers, self.tries = [], {}, []
        self.port = free_port()
        self.options = options
        self.controller = None

    def start(self):
        self.controller = Controller(self, hostname="127.0.0.1", port=self.port, **self.options)
        self.controller.start()
        return self

    def stop(self):
        if self.controller is not None:
            self.controller.stop()
            self.controller = None

    @property
    def url(self):
        return f"smtp://127.0.0.1:{self.port}"

    def answer(self, step, *replies):
        """At `step` (MAIL, RCPT, DATA, or RCPT an@address) give these, one after another, then be normal.

        A reply is a line, "cut" (close the line), or "keep+cut" (take the mail, then close without a word).
        """
        self.answers.setdefault(step, []).extend(replies)

    def _next(self, *steps):
        for step in steps:
            if self.answers.get(step):
                return self.answers[step].pop(0)
        return None

    async def _do(self, server, reply, default="250 OK"):
        if reply == "cut":
            server.transport.abort()
            await asyncio.sleep(0.01)
        if reply == "hang":
            await asyncio.sleep(30)
        return default if reply in (None, "cut", "hang") else reply

    async def handle_MAIL(self, server, session, envelope, address, options):  # noqa: N802
        envelope.mail_from = address
        return await self._do(server, self._next("MAIL"))

    async def handle_RCPT(self, server, session, envelope, address, options):  # noqa: N802
        self.tries.append(address)
        reply = self._next(f"RCPT {address}", "RCPT")
        if reply is None:
            envelope.rcpt_tos.append(address)
        return await self._do(server, reply)

    async def handle_DATA(self, server, session, envelope):  # noqa: N802
        reply = self._next("DATA")
        if reply is None or reply.startswith("keep"):
            parsed = email.message_from_bytes(envelope.content, policy=email.policy.default)
            self.mails += [(to, parsed, envelope.content) for to in envelope.rcpt_tos]
        if reply is not None and reply.startswith("keep"):
            reply = reply.partition("+")[2]
        return await self._do(server, reply)


def refuse_everybody(server, session, envelope, mechanism, data):
    return AuthResult(success=False, handled=False)


def accept_everybody(server, session, envelope, mechanism, data):
    return AuthResult(success=True)
