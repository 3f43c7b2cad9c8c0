"""Files for production: `ioc deploy compose` and `ioc deploy systemd` copy them to where they are to be edited."""

from __future__ import annotations

import base64
import hashlib
import secrets
from importlib.resources import files
from typing import TYPE_CHECKING

from ioc.errors import StartError

if TYPE_CHECKING:
    from pathlib import Path

_ITERATIONS = 101  # what mosquitto_passwd itself uses; the password below is random, not a person's


def write(kind: str, out: Path) -> list[Path]:
    """Copy the files of `kind` ('compose' or 'systemd') into `out`, never over one that is there. Raises StartError.

    compose gets fresh random secrets as well, so that nothing runs with a password from a manual.
    """
    content = {f.name: f.read_bytes() for f in (files("ioc.deploy") / kind).iterdir() if f.is_file()}
    if kind == "compose":
        content |= {name: text.encode() for name, text in _secrets().items()}
    if taken := sorted(name for name in content if (out / name).exists()):
        raise StartError(f"{out} has {', '.join(taken)} already: name another folder with --out DIR")
    for name, text in content.items():
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        (out / name).write_bytes(text)
    if (out / "secrets").is_dir():
        # Compose mounts each file with its owner and mode, and the parts run as another user than its owner: the
        # files stay readable, and the folder keeps everyone else on this machine out.
        (out / "secrets").chmod(0o700)
    return sorted(out / name for name in content)


def _secrets() -> dict[str, str]:
    database, broker = secrets.token_urlsafe(24), secrets.token_urlsafe(24)
    return {
        "secrets/database_password": database,
        "secrets/database_url": f"postgresql://ioc:{database}@database:5432/ioc",
        "secrets/broker_url": f"mqtt://ioc:{broker}@broker:1883",
        "secrets/smtp_url": "smtp://mail.example.org:25",
        "secrets/secret": secrets.token_urlsafe(32),
        "secrets/password": secrets.token_urlsafe(9),
        "mosquitto.passwd": f"ioc:{mosquitto_hash(broker, secrets.token_bytes(12))}\n",
        ".gitignore": "secrets/\nmosquitto.passwd\n",
    }


def mosquitto_hash(password: str, salt: bytes) -> str:
    """A line's second half in mosquitto's password file: PBKDF2 with SHA-512, as mosquitto 2 writes it."""
    key = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, _ITERATIONS)
    return f"$7${_ITERATIONS}${base64.b64encode(salt).decode()}${base64.b64encode(key).decode()}"
