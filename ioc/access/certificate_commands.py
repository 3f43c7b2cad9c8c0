"""`ioc certificates`: this machine's own authority and what it signed, for trials without one from elsewhere."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import argparse

    from ioc.access.pki import Certificate
    from ioc.settings import Settings


def register(commands: Any) -> None:
    certificates = commands.add_parser("certificates", help="a local authority for trials: make, list, renew")
    found = certificates.add_subparsers(title="what", metavar="WHAT", required=True)
    ca = found.add_parser("ca", help="the authority's own certificate, and how others come to trust it")
    ca.set_defaults(handler=_ca)
    make = found.add_parser("make", help="a certificate for one server: web, broker, database")
    make.add_argument("name", metavar="NAME", help="what it is for; NAME.pem holds key and certificate")
    make.add_argument("--host", action="append", default=[], metavar="NAME",
                      help="what it is reached by, beside this machine's own names; may be repeated")  # fmt: skip
    make.add_argument("--to", type=Path, metavar="DIR", help="also as NAME.crt and NAME.key there")
    make.set_defaults(handler=_make)
    listing = found.add_parser("list", help="every certificate, for which names, until when")
    listing.set_defaults(handler=_list)
    renew = found.add_parser("renew", help="those that are due; running parts take them up by themselves")
    renew.add_argument("--all", action="store_true", help="the others too")
    renew.set_defaults(handler=_renew)
    for parser in (ca, make, listing, renew):
        parser.add_argument("--data", type=Path, metavar="DIR", help="data folder of an `ioc up` (this machine's own)")


def _folder(args: argparse.Namespace, settings: Settings) -> Path:
    """The one named, else that of the one `ioc up` that runs, else this machine's own."""
    from ioc.access import pki

    if args.data:
        return Path(args.data.expanduser() / "tls")
    beside = Path(settings.broker_ca).parent
    return beside if settings.broker_ca and (beside / "ca.key").exists() else pki.machine_folder()


def _ca(args: argparse.Namespace, settings: Settings) -> int:
    from ioc.access import pki

    file = pki.authority(_folder(args, settings), datetime.now(UTC))
    print(file)
    _beside(_TRUST.format(file=file, fingerprint=pki.fingerprint(file)))
    return 0


_TRUST = """\
SHA-256 {fingerprint}
Compare that before you trust it, and trust it on machines of the trial only: its key lies beside it.
  Debian, Ubuntu     cp {file} /usr/local/share/ca-certificates/ioc-local.crt && update-ca-certificates
  Firefox, Chrome    Settings, Privacy and security, Certificates, Authorities, Import
  Windows            certutil -addstore -user Root ca.pem
  curl, mosquitto    --cacert {file}, --cafile {file}
  IOC                IOC_BROKER_CA={file}, IOC_SMTP_CA={file}, ?sslmode=verify-full&sslrootcert={file}"""


def _make(args: argparse.Namespace, settings: Settings) -> int:
    from ioc.access import pki

    made = pki.issue(
        _folder(args, settings), args.name, pki.own_names("", ",".join([settings.hosts, *args.host])), _now()
    )
    _noted(settings, made)
    print(made.file)
    if args.to:
        for file in pki.split(made.file, args.to):
            print(file)
    _beside(f"{made.name}: {', '.join(made.names)}; until {made.until:%Y-%m-%d %H:%M} UTC")
    return 0


def _now() -> datetime:
    return datetime.now(UTC)


def _list(args: argparse.Namespace, settings: Settings) -> int:
    from ioc.access import pki

    found = pki.listed(_folder(args, settings), _now())
    if not found:
        print(f"there is no authority in {_folder(args, settings)}: `ioc certificates ca` makes one")
        return 0
    _show(found)
    return 0


def _show(found: list[Certificate]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = max(console.width, 140)
    table = Table(box=box.SIMPLE, pad_edge=False)
    for column in ("certificate", "for", "until", "state", "file"):
        table.add_column(column, overflow="fold")
    for one in found:
        cells = (
            one.name,
            ", ".join(one.names),
            f"{one.until:%Y-%m-%d %H:%M}",
            "due" if one.due else "good",
            str(one.file),
        )
        table.add_row(*(Text(cell) for cell in cells))
    console.print(table)


def _renew(args: argparse.Namespace, settings: Settings) -> int:
    from ioc.access import pki

    folder = _folder(args, settings)
    for one in pki.listed(folder, _now()):
        if one.name != "ca" and (one.due or args.all):
            made = pki.issue(folder, one.name, one.names, _now())
            _noted(settings, made)
            print(f"{made.file} until {made.until:%Y-%m-%d %H:%M} UTC")
    return 0


def _noted(settings: Settings, made: Certificate) -> None:
    """In the audit, where a database is known and answers; a trial's certificates are made before there is one too."""
    if not settings.database_url:
        return
    from ioc.errors import StoreError
    from ioc.store import audit, database

    said = {"names": list(made.names), "until": made.until.isoformat(timespec="seconds")}
    try:
        with database.connect(settings.database_url, name="ioc certificates") as conn, database.transaction(conn):
            audit.note(conn, audit.terminal(), "certificate.make", made.name, after=said)
    except StoreError as error:
        _beside(f"not noted in the audit: {error}")


def _beside(text: str) -> None:
    print(text, file=sys.stderr)
