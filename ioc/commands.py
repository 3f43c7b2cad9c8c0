"""The core's own commands: the city folder, the database, and everything on one machine."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ioc.access import certificate_commands as certificates
from ioc.doctor import commands as doctor
from ioc.export import commands as export
from ioc.groups import group
from ioc.store import backup_commands as backup
from ioc.store import commands as store
from ioc.supply import commands as supply

if TYPE_CHECKING:
    import threading

    from ioc.health import Health
    from ioc.settings import Settings


def register(commands: Any) -> None:
    _register_up(commands)
    check = commands.add_parser("check", help="verify a city folder: every fault with file, place and hint")
    check.add_argument("folder", type=Path, metavar="CITY", help="city folder")
    check.add_argument("--quiet", action="store_true", help="say nothing where all is sound; no warnings")
    check.set_defaults(handler=_check)

    schemas = commands.add_parser("schemas", help="write JSON Schemas of a city folder's files, for editors")
    schemas.add_argument("--out", type=Path, default=Path("schemas"), metavar="DIR", help="where to (schemas)")
    schemas.set_defaults(handler=_schemas)

    store.register(commands)
    backup.register(commands)
    export.register(commands)
    certificates.register(commands)
    supply.register(commands)
    doctor.register(commands)

    simulate = commands.add_parser("simulate", help="publish the sample city, with all that misbehaves on purpose")
    simulate.add_argument("folder", nargs="?", type=Path, metavar="CITY", help="city folder (the sample city)")
    simulate.add_argument("--schedule", action="store_true", help="only list when what goes wrong")
    simulate.set_defaults(handler=_simulate)

    backfill = commands.add_parser("backfill", help="load the sample city's past into the store")
    backfill.add_argument("folder", nargs="?", type=Path, metavar="CITY", help="city folder (the sample city)")
    backfill.add_argument("--days", type=_days, default=14, metavar="N", help="days of history (14)")
    backfill.add_argument(
        "--progress", type=Path, metavar="FILE", help="keep how far it came here, and go on from there"
    )
    backfill.set_defaults(handler=_backfill)

    catcher = commands.add_parser(
        "mail-catcher", help="a local SMTP server that keeps mails instead of delivering them"
    )
    catcher.add_argument("--dir", type=Path, default=Path("mail"), metavar="DIR", help="where mails are kept (mail)")
    catcher.add_argument("--port", type=_port, default=8025, metavar="N", help="SMTP port on 127.0.0.1 (8025)")
    catcher.set_defaults(handler=_mail_catcher)

    city = group(commands, "bench", "measure this machine").add_parser(
        "city", help="what a whole running city takes: cores and memory of each process"
    )
    city.add_argument("--data", type=Path, metavar="DIR", help="of a running `ioc up` (else one is started for this)")
    city.add_argument("--seconds", type=float, default=20.0, metavar="N", help="how long to look (20)")
    city.add_argument("--json", action="store_true", help="one JSON object as the last line")
    city.set_defaults(handler=_bench_city)

    deploy = commands.add_parser("deploy", help="write files for production: a compose project or systemd units")
    deploy.add_argument("kind", choices=("compose", "systemd"), help="which files")
    deploy.add_argument("--out", type=Path, default=Path("deploy"), metavar="DIR", help="where to (deploy)")
    deploy.set_defaults(handler=_deploy)


def _register_up(commands: Any) -> None:
    up = commands.add_parser("up", help="everything on this machine: a whole city with one command")
    up.add_argument("folder", nargs="?", type=Path, metavar="CITY", help="city folder (the sample city Sóc Trăng)")
    up.add_argument("--data", type=Path, metavar="DIR", help="where everything is kept (~/.local/share/ioc/CITY)")
    up.add_argument("--port", type=_port, default=8050, metavar="N", help="port of the screens (8050)")
    up.add_argument("--host", default="127.0.0.1", metavar="ADDRESS", help="address of the screens; 0.0.0.0: all")
    up.add_argument("--broker", choices=("auto", "mosquitto", "nats"), default="auto", help="MQTT broker (auto)")
    up.add_argument("--broker-port", type=_port, default=0, metavar="N", help="the broker's port (1883, or a free one)")
    up.add_argument("--tls", action="store_true", help="screens and broker speak TLS, with certificates made here")
    up.add_argument("--no-simulate", dest="simulate", action="store_false", help="without the sample city's publishers")
    up.add_argument("--no-backfill", dest="backfill", action="store_false", help="without two weeks of history")
    up.set_defaults(handler=_up)


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 65535):
        raise argparse.ArgumentTypeError(f"{text!r} is not a port: a whole number from 1 to 65535")
    return int(text)


def _days(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 3650):
        raise argparse.ArgumentTypeError(f"{text!r}: give a whole number of days from 1 to 3650")
    return int(text)


def _up(args: argparse.Namespace, settings: Settings) -> int:
    from ioc.compose import sample_city
    from ioc.up import command

    return command.run(args, settings, sample=sample_city())


def _check(args: argparse.Namespace, _: Settings) -> int:
    from ioc.compose import check_folder

    return check_folder(args.folder, quiet=args.quiet)


def _schemas(args: argparse.Namespace, _: Settings) -> int:
    import orjson

    from ioc.config import folder

    args.out.mkdir(parents=True, exist_ok=True)
    for name, schema in folder.schemas().items():
        file = args.out / f"{name}.schema.json"
        file.write_bytes(orjson.dumps(schema, option=orjson.OPT_INDENT_2) + b"\n")
        print(file)
    return 0


def _simulate(args: argparse.Namespace, settings: Settings) -> int:
    from ioc import compose_sample, service
    from ioc.compose import sample_city

    if args.schedule:
        compose_sample.schedule()
        return 0
    return service.run("simulate", compose_sample.simulate, args.folder or sample_city(), settings)


def _backfill(args: argparse.Namespace, settings: Settings) -> int:
    from ioc import compose_sample, service
    from ioc.compose import sample_city

    def part(folder: Path, settings: Settings, stop: threading.Event, _: Health) -> None:
        done = compose_sample.backfill(folder, settings, stop, args.progress, args.days)
        print(f"{done.readings:,} readings, {done.start:%Y-%m-%d %H:%M} to {done.reached:%Y-%m-%d %H:%M} UTC")

    return service.run("backfill", part, args.folder or sample_city(), settings)


def _mail_catcher(args: argparse.Namespace, settings: Settings) -> int:
    from ioc import service
    from ioc.embedded import mail

    return service.run("mail", mail.part(args.port), args.dir, settings)


def _bench_city(args: argparse.Namespace, _: Settings) -> int:
    from ioc.up import measure

    return measure.command(args)


def _deploy(args: argparse.Namespace, _: Settings) -> int:
    from ioc.deploy import write

    for file in write(args.kind, args.out):
        print(os.fspath(file))
    return 0
