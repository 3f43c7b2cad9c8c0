"""Every error the project raises on purpose.

IocError
├── ConfigError      the city folder is wrong; carries every Fault
├── StoreError       the database refused or is away
│   ├── StoreAway    it cannot be reached now: wait and try again
│   ├── StoreRefused these very rows are at fault: others may pass
│   └── StoreTooNew  a newer version of IOC wrote this database
├── BrokerError      the MQTT broker refused or is away
├── DecodeError      a message could not be used: goes to quarantine with its reason
├── Ignored          a message is understood and holds nothing to store
├── DeliveryError    a mail was not accepted; `permanent` says whether to try again
├── AccessError      what is asked of an account, a session or a password is refused
└── StartError       `ioc up` cannot start; the message says what to do
"""

from __future__ import annotations

from dataclasses import dataclass


class IocError(Exception):
    """Something the operator or integrator can act on; the message says how."""

    def __init__(self, message: str = "") -> None:
        super().__init__(message or (self.__doc__ or "").strip())


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong in a city folder: file (with its line), place in it (`feed.options.time`), what, and a hint."""

    file: str
    place: str
    what: str
    hint: str = ""
    warning: bool = False  # it works, and may not be what was meant

    def __str__(self) -> str:
        where = f"{self.file}: {self.place}" if self.place else self.file
        return f"{where}: {self.what}" + (f" ({self.hint})" if self.hint else "")


class ConfigError(IocError):
    """The city folder has faults."""

    def __init__(self, faults: list[Fault]) -> None:
        self.faults = faults
        super().__init__("\n".join(map(str, faults)))


class StoreError(IocError):
    """The database refused."""


class StoreAway(StoreError):  # noqa: N818  a state of the world, named as people say it
    """The database cannot be reached."""


class StoreRefused(StoreError):  # noqa: N818
    """The database refused these rows."""


class StoreTooNew(StoreError):  # noqa: N818
    """The database was written by a newer version of IOC: upgrade this program."""


class BrokerError(IocError):
    """The MQTT broker refused or cannot be reached."""


class DecodeError(IocError):
    """A message could not be used.

    reason: a short stable code such as `not_json`, `no_sensor`, `bad_time`, counted and shown; detail: for a human,
    cut to 300 characters and freed of control characters when stored.
    """

    def __init__(self, reason: str, detail: str = "") -> None:
        self.reason = reason
        self.detail = detail
        super().__init__(f"{reason}: {detail}" if detail else reason)


class Ignored(IocError):  # noqa: N818  it is a fate, not a fault
    """A message is understood and holds nothing to store; reason as in DecodeError."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


class DeliveryError(IocError):
    """A mail was not accepted."""

    def __init__(self, message: str, *, permanent: bool) -> None:
        self.permanent = permanent
        super().__init__(message)


class AccessError(IocError):
    """What is asked of an account is refused. key: a short stable code, where a screen says it in its own words."""

    def __init__(self, message: str = "", key: str = "") -> None:
        self.key = key
        super().__init__(message)


class StartError(IocError):
    """The program cannot start."""
