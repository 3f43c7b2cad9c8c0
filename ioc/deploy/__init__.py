"""Files for production: `ioc deploy compose` and `ioc deploy systemd` copy them to where they are to be edited."""

from __future__ import annotations

import secrets
from importlib.resources import files
from typing import TYPE_CHECKING

from ioc.errors import StartError

if TYPE_CHECKING:
    from pathlib import Path

_NAMES = {"compose.env": ".env"}  # a hidden file would not come along in a wheel


def write(kind: str, out: Path) -> list[Path]:
    """Copy the files of `kind` ('compose' or 'systemd') into `out`, never over one that is there. Raises StartError.

    compose gets fresh random secrets as well, so that nothing runs with a password from a manual.
    """
    shipped = (f for f in (files("ioc.deploy") / kind).iterdir() if f.is_file())
    content = {_NAMES.get(f.name, f.name): f.read_bytes() for f in shipped}
    content["requirements.lock"] = (files("ioc.deploy") / "requirements.lock").read_bytes()
    if kind == "compose":
        content |= {name: text.encode() for name, text in _secrets().items()}
    if taken := sorted(name for name, text in content.items() if _differs(out / name, text)):
        raise StartError(f"{out} has {', '.join(taken)} already: name another folder with --out DIR")
    for name, text in content.items():
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        (out / name).write_bytes(text)
    if (out / "secrets").is_dir():
        # Compose mounts each file with its owner and mode, and the parts run as another user than its owner: the
        # files stay readable, and the folder keeps everyone else on this machine out.
        (out / "secrets").chmod(0o700)
    return sorted(out / name for name in content)


def _differs(file: Path, text: bytes) -> bool:
    """Whether something else is there."""
    return file.exists() and not (file.is_file() and file.read_bytes() == text)


def _secrets() -> dict[str, str]:
    database, broker = secrets.token_urlsafe(24), secrets.token_urlsafe(24)
    sure = "sslmode=verify-full&sslrootcert=/database/tls/ca.pem"
    return {
        "secrets/superuser_password": secrets.token_urlsafe(24),
        "secrets/database_password": database,
        "secrets/database_url": f"postgresql://ioc:{database}@database:5432/ioc?{sure}",
        "secrets/broker_url": f"mqtts://ioc:{broker}@broker:8883?client={secrets.token_hex(8)}",
        "secrets/smtp_url": "smtp+starttls://mail.example.org:587",
        "secrets/secret": secrets.token_hex(32),
        "secrets/password": secrets.token_urlsafe(15),
        ".gitignore": "secrets/\ncerts/\n",
    }
