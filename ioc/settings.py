"""The machine's settings, from IOC_* in the environment: what is secret, or differs from machine to machine.

A city folder never holds a secret. Each setting may also be given as NAME_FILE, the file's text being the value, as
container and systemd secrets are; both at once is an error. No other module reads the environment.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, fields
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from ioc.errors import IocError

if TYPE_CHECKING:
    from collections.abc import Mapping


class SettingsError(IocError):
    """A setting in the environment is wrong."""


# name, kind, help: the list that README, the deploy files and `ioc --help` are checked against.
SETTINGS: tuple[tuple[str, type, str], ...] = (
    (
        "IOC_DATABASE_URL",
        str,
        "PostgreSQL or TimescaleDB: postgresql://user:password@host:5432/name, or @one,two for several",
    ),
    ("IOC_DATABASE_READ_URL", str, "replicas that charts and exports may be read from while they lag only a little"),
    ("IOC_BROKER_URL", str, "MQTT broker: mqtt://user:password@host:1883, or mqtts:// for TLS"),
    ("IOC_BROKER_CA", str, "path of the certificate authority that signed the broker's certificate"),
    ("IOC_BROKER_CERT", str, "path of the client certificate, where the broker wants one"),
    ("IOC_BROKER_KEY", str, "path of the client certificate's private key"),
    ("IOC_SMTP_URL", str, "mail server: smtp://host:25, smtps://user:password@host:465, smtp+starttls://...:587"),
    ("IOC_SMTP_CA", str, "path of the certificate authority that signed the mail server's certificate"),
    ("IOC_BASE_URL", str, "what links in mails start with: https://ioc.example.org"),
    ("IOC_HTTP_HOST", str, "address the dashboards listen on (127.0.0.1)"),
    ("IOC_HTTP_PORT", int, "port the dashboards listen on (8050)"),
    ("IOC_HEALTH_HOST", str, "address of /healthz, /readyz and /metrics (127.0.0.1)"),
    ("IOC_HEALTH_PORT", int, "port of /healthz, /readyz and /metrics of one process; 0 is off"),
    ("IOC_HOSTS", str, "other names the dashboards answer to, commas between; IOC_BASE_URL's is one already"),
    (
        "IOC_TLS_CERT",
        str,
        "path of the certificate the dashboards show, or `local` or `local:DIR`: made here, for trials",
    ),
    ("IOC_TLS_KEY", str, "path of that certificate's private key"),
    ("IOC_PROXY", str, "addresses of the TLS proxy in front, commas between: its X-Forwarded-* is believed"),
    ("IOC_PASSWORD", str, "password of the first account, `admin`, made when there is none; else forgotten"),
    ("IOC_AUTH", str, "`open`: no log-in at all, for a trial on 127.0.0.1; `proxy`: IOC_PROXY has asked already"),
    (
        "IOC_BREACHED",
        str,
        "path of known passwords nobody may choose: sorted SHA-1 in hex, as haveibeenpwned.com gives",
    ),
    ("IOC_OIDC_ISSUER", str, "OpenID Connect: address of the provider that people log in with"),
    ("IOC_OIDC_CLIENT", str, "the client id that the provider knows the centre by"),
    ("IOC_OIDC_SECRET", str, "the client's secret, where the provider wants one"),
    ("IOC_OIDC_ROLES", str, "who gets which role: groups:ioc-admins=administrator, groups:duty=operator, *=viewer"),
    ("IOC_OIDC_NAME", str, "what stands on the button, as `VNeID`"),
    ("IOC_OIDC_CA", str, "path of the certificate authority that signed the provider's certificate"),
    ("IOC_SECRET", str, "signs links and sessions; at least 16 characters"),
    ("IOC_LOG_LEVEL", str, "debug, info, warning or error (info)"),
)
_HIDDEN = {"password", "secret", "oidc_secret"}
_SECRET = re.compile(r"(?<=://)([^:/@\s]*):([^@/\s]+)@")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """One field a setting: IOC_DATABASE_URL is `database_url`. An empty text is "not given"."""

    database_url: str = ""
    database_read_url: str = ""
    broker_url: str = ""
    broker_ca: str = ""
    broker_cert: str = ""
    broker_key: str = ""
    smtp_url: str = ""
    smtp_ca: str = ""
    base_url: str = ""
    http_host: str = "127.0.0.1"
    http_port: int = 8050
    health_host: str = "127.0.0.1"
    health_port: int = 0
    hosts: str = ""
    tls_cert: str = ""
    tls_key: str = ""
    proxy: str = ""
    password: str = ""
    auth: str = ""
    breached: str = ""
    oidc_issuer: str = ""
    oidc_client: str = ""
    oidc_secret: str = ""
    oidc_roles: str = ""
    oidc_name: str = ""
    oidc_ca: str = ""
    secret: str = ""
    log_level: str = "info"

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> Settings:
        """Raises SettingsError that lists every wrong one."""
        given = os.environ if environ is None else environ
        faults: list[str] = []
        values = {f.name: v for f in fields(cls) if (v := _value(given, f"IOC_{f.name.upper()}", faults)) is not None}
        faults += [*_unknown(given), *_unencrypted(values)]
        if faults:
            raise SettingsError("\n".join(faults))
        return cls(**values)  # type: ignore[arg-type]

    def require(self, *names: str) -> None:
        """Raises SettingsError that says what each missing setting is for."""
        about = {name: text for name, _, text in SETTINGS}
        missing = [n for n in names if not getattr(self, n)]
        if missing:
            lines = [f"{_env(n)} is not set. {about[_env(n)]}" for n in missing]
            raise SettingsError("\n".join([*lines, "(`ioc up` sets these by itself; see README, Production)"]))

    def environment(self) -> dict[str, str]:
        """These settings as IOC_* for a child process."""
        return {_env(f.name): str(getattr(self, f.name)) for f in fields(self) if getattr(self, f.name) != ""}

    def __repr__(self) -> str:
        """Without secrets, so that a settings object in a log or traceback gives nothing away."""
        shown = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in _HIDDEN}
        return f"Settings({', '.join(f'{k}={redact(str(v))!r}' for k, v in shown.items())})"


def redact(text: str) -> str:
    """The text with passwords in URLs and in key=value connection strings starred out."""
    return re.sub(r"(?i)\b(password|passwd|pwd)=\S+", r"\1=***", _SECRET.sub(r"\1:***@", text))


def _env(field: str) -> str:
    return f"IOC_{field.upper()}"


def _value(given: Mapping[str, str], name: str, faults: list[str]) -> str | int | None:
    plain, file = given.get(name), given.get(f"{name}_FILE")
    if plain is not None and file is not None:
        faults.append(f"{name} and {name}_FILE are both set: keep one")
        return None
    if file is not None:
        try:
            plain = Path(file).read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            faults.append(f"{name}_FILE={file} cannot be read: {error}")
            return None
    if not plain:
        return None
    return _checked(name, plain, faults)


def _checked(name: str, value: str, faults: list[str]) -> str | int | None:
    kind = next(kind for known, kind, _ in SETTINGS if known == name)
    if kind is int:
        if not value.isascii() or not value.isdigit() or int(value) > 65535:
            faults.append(f"{name}={value!r} is not a port: a whole number from 0 to 65535")
            return None
        return int(value)
    schemes = _SCHEMES.get(name)
    if schemes and urlsplit(value).scheme not in schemes:
        faults.append(f"{name}={redact(value)} must start with {' or '.join(s + '://' for s in schemes)}")
    elif schemes and (why := _unusable(name, value)):
        faults.append(f"{name}={redact(value)} {why}")
    if name == "IOC_SECRET" and len(value) < 16:
        faults.append("IOC_SECRET is too short: give at least 16 characters, e.g. from `openssl rand -hex 32`")
    if name == "IOC_AUTH" and value not in {"open", "proxy"}:
        faults.append(f"IOC_AUTH={value!r} is not known: leave it away, or write open or proxy")
    if name == "IOC_LOG_LEVEL" and value.lower() not in {"debug", "info", "warning", "error"}:
        faults.append(f"IOC_LOG_LEVEL={value!r} is not one of debug, info, warning, error")
    return value


_SCHEMES = {
    "IOC_DATABASE_URL": ("postgresql", "postgres"),
    "IOC_DATABASE_READ_URL": ("postgresql", "postgres"),
    "IOC_BROKER_URL": ("mqtt", "mqtts"),
    "IOC_SMTP_URL": ("smtp", "smtps", "smtp+starttls"),
    "IOC_BASE_URL": ("http", "https"),
    "IOC_OIDC_ISSUER": ("http", "https"),
}


def _unusable(name: str, url: str) -> str:
    """Why the address cannot be one; a database without a host is the one on this machine's socket."""
    if name.startswith("IOC_DATABASE"):
        return next(filter(None, (_unusable_host(name, one) for one in _each_host(url))), "")
    return _unusable_host(name, url)


def _each_host(url: str) -> list[str]:
    """One URL a server: a database's may name several, joined by commas."""
    parts = urlsplit(url)
    user, at, hosts = parts.netloc.rpartition("@")
    return [parts._replace(netloc=f"{user}{at}{host}").geturl() for host in hosts.split(",")]


def _unusable_host(name: str, url: str) -> str:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return "has a port that is not a number from 1 to 65535 (a : / @ # in a password is written %3A %2F %40 %23)"
    if not name.startswith("IOC_DATABASE") and not parts.hostname:
        return f"names no host: write {parts.scheme}://host"
    return "has port 0: give another, or none" if port == 0 else ""


def _unencrypted(values: Mapping[str, str | int]) -> list[str]:
    """Certificates that a plain connection would silently ignore."""
    if not str(values.get("broker_url", "")).startswith("mqtt://"):
        return []
    given = [_env(n) for n in ("broker_ca", "broker_cert", "broker_key") if n in values]
    return [f"{n} is set, but IOC_BROKER_URL is not encrypted: write mqtts://" for n in given]


def _unknown(given: Mapping[str, str]) -> list[str]:
    """A mistyped IOC_ name would be a setting silently lost."""
    known = [name for name, _, _ in SETTINGS]
    faults = []
    for name in sorted(n for n in given if n.startswith("IOC_") and n.removesuffix("_FILE") not in known):
        near = get_close_matches(name, known, 1)
        faults.append(f"{name} is not a setting of IOC" + (f": did you mean {near[0]}?" if near else ""))
    return faults


@dataclass(frozen=True, slots=True)
class Address:
    """A URL taken apart: scheme, host, port, user, password (decoded)."""

    scheme: str
    host: str
    port: int
    user: str
    password: str

    def __repr__(self) -> str:
        return f"{self.scheme}://{self.host}:{self.port}"


def address(url: str, default_ports: Mapping[str, int]) -> Address:
    """`mqtt://user:pass@host:port` taken apart. Raises SettingsError."""
    try:
        parts = urlsplit(url)
        port = parts.port or default_ports[parts.scheme]
    except (ValueError, KeyError) as error:
        raise SettingsError(f"not an address: {redact(url)} ({error})") from error
    if not parts.hostname:
        raise SettingsError(f"no host in {redact(url)}")
    return Address(parts.scheme, parts.hostname, port, unquote(parts.username or ""), unquote(parts.password or ""))


def named(name: str) -> str | None:
    """A secret that a city folder refers to as `env:NAME`: the variable, or the text of the file in NAME_FILE."""
    file = os.environ.get(f"{name}_FILE")
    if file:
        try:
            return Path(file).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError):
            return None
    return os.environ.get(name)


def secret_files() -> dict[str, Path]:
    """{NAME_FILE: path} of the settings that are given as files."""
    names = (f"{name}_FILE" for name, _, _ in SETTINGS)
    return {name: Path(os.environ[name]) for name in names if os.environ.get(name)}


def data_home() -> Path:
    """Where this user's programs keep their data: $XDG_DATA_HOME, else ~/.local/share."""
    return Path(os.environ.get("XDG_DATA_HOME") or Path("~/.local/share").expanduser())


def child_environment(settings: Mapping[str, str]) -> dict[str, str]:
    """Our own environment for a child process, with exactly these IOC_* settings."""
    return {k: v for k, v in os.environ.items() if not k.startswith("IOC_")} | dict(settings)
