"""The channels of a city as its folder declares them: each writes its messages and sends them."""

from __future__ import annotations

import hashlib
import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from alerts import web
from alerts.fate import Fate, Result
from ioc import plugins
from ioc.errors import IocError
from ioc.settings import named

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import ModuleType

    from alerts.outgoing import Message
    from ioc.config.city import ChannelSettings
    from ioc.store.outbox import Letter

KINDS = "alerts.channels"
log = logging.getLogger(__name__)


class MissingSecretError(IocError):
    """A channel's secret is not in the environment."""


class Way:
    """One channel under [channels] of city.toml."""

    def __init__(self, key: str, kind: ModuleType, options: Any) -> None:
        self.key, self._kind, self._options = key, kind, options
        self.digest = hashlib.sha256(f"{kind.__name__} {options.model_dump_json()}".encode()).hexdigest()[:16]

    def write(self, message: Message) -> bytes:
        body: bytes = self._kind.write(message, self._options)
        return body

    def send(self, letter: Letter, mark: Callable[[str], None] = lambda _: None) -> Result:
        now = datetime.now(UTC)
        try:
            request = self._kind.request(letter, self._options, secret, now)
        except MissingSecretError as error:
            return Result(Fate.STOPPED, str(error))
        mark("mail")
        return web.send(request, now, lambda answer: self._kind.meaning(answer, self._options))


def secret(reference: str) -> str:
    """`env:NAME` -> its text. Raises MissingSecretError."""
    name = reference.removeprefix("env:")
    found = named(name)
    if not found:
        raise MissingSecretError(f"{name} is not set: give it or {name}_FILE in the environment of `ioc alerts`")
    return found


def ways(channels: Mapping[str, ChannelSettings]) -> dict[str, Way]:
    """By name; one whose options are wrong is left out and logged: `ioc check` says what is wrong with it."""
    found = {}
    for key, settings in channels.items():
        try:
            kind = plugins.load(KINDS, settings.kind)
            found[key] = Way(key, kind, kind.compile(kind.Options.model_validate(settings.options)))
        except (ValueError, ImportError, IocError) as error:
            log.warning("channel %s cannot be used: %s", key, error)
    return found
