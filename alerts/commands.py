"""`ioc alerts`: evaluate rules and send mails until stopped; `ioc bench alerts`: how long an evaluation takes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ioc.groups import group

if TYPE_CHECKING:
    import argparse

    from ioc.settings import Settings


def register(commands: Any) -> None:
    alerts = commands.add_parser("alerts", help="evaluate the rules of a city and mail its alarms")
    alerts.add_argument("folder", type=Path, metavar="CITY", help="city folder")
    alerts.set_defaults(handler=_alerts)

    brief = commands.add_parser("brief", help="what somebody's morning brief, digest or weekly report would say now")
    brief.add_argument("folder", type=Path, metavar="CITY", help="city folder")
    brief.add_argument("--contact", required=True, metavar="KEY", help="of contacts.toml")
    brief.add_argument("--kind", choices=("brief", "digest", "report"), default="brief", help="which mail (brief)")
    brief.add_argument(
        "--preview", type=Path, metavar="FILE", help="write the page here; the text is shown where absent"
    )
    brief.set_defaults(handler=_brief)

    cap = commands.add_parser(
        "cap", help="a warning message (CAP 1.2) from an alarm; a draft unless a person confirms it"
    )
    cap.add_argument("folder", type=Path, metavar="CITY", help="city folder")
    cap.add_argument("--alarm", type=int, metavar="ID", help="the alarm's number")
    cap.add_argument("--status", choices=("Draft", "Actual", "Exercise", "Test"), default="Draft", help="(Draft)")
    cap.add_argument("--public", action="store_true", help="for everybody; without it for ourselves only")
    cap.add_argument("--confirm", metavar="NAME", help="the person who issues it; written down with it")
    cap.add_argument("--out", type=Path, metavar="FILE", help="where to write it (the terminal)")
    cap.add_argument("--list", action="store_true", help="what was issued, by whom")
    cap.set_defaults(handler=_cap)

    _register_benches(commands)
    _register_test(commands)


def _register_benches(commands: Any) -> None:
    bench = group(commands, "bench", "measure this machine").add_parser(
        "alerts",
        help="evaluation of thousands of rules, seconds to a mail, storms and flapping; on databases of its own",
    )
    bench.add_argument("--json", action="store_true", help="print one JSON object as the last line, and little else")
    bench.add_argument("--rules", type=int, default=5000, metavar="N", help="rules (5000)")
    bench.add_argument("--series", type=int, default=100_000, metavar="N", help="series (100000)")
    bench.add_argument(
        "--ticks", type=int, default=10, metavar="N", help="evaluations of each kind that are timed (10)"
    )
    bench.add_argument("--mails", type=int, default=10, metavar="N", help="critical readings that are mailed (10)")
    bench.add_argument(
        "--only", action="append", choices=("ticks", "mail", "storm", "flap"), help="only this part; may be repeated"
    )
    bench.set_defaults(handler=_bench)

    odd = group(commands, "bench", "measure this machine").add_parser(
        "anomaly", help="the anomaly kind on files of the Numenta benchmark, by its published scoring"
    )
    odd.add_argument(
        "--data", type=Path, required=True, metavar="DIR", help="CSV files with their combined_windows.json"
    )
    odd.add_argument("--json", action="store_true", help="print one JSON object as the last line, and little else")
    odd.set_defaults(handler=_bench_anomaly)


def _register_test(commands: Any) -> None:
    test = group(commands, "rules", "rules of a city").add_parser(
        "test", help="how often a rule would have fired on stored history; writes nothing"
    )
    test.add_argument("rule", metavar="RULE", help="the rule's key")
    test.add_argument(
        "folder", nargs="?", type=Path, metavar="CITY", help="take it from this folder (the store's rules)"
    )
    test.add_argument("--from", dest="start", metavar="DAY", help="local day or time it begins (30 days before --to)")
    test.add_argument("--to", dest="end", metavar="DAY", help="local day or time it ends (now)")
    test.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE",
        help="on_delay=10min, off_delay=.., deadband=0.2, above=1.8, priority=..; any option of its kind",
    )  # fmt: skip
    test.add_argument("--chart", type=Path, metavar="FILE", help="draw it as a PNG file")
    test.add_argument("--json", action="store_true", help="one JSON object instead of the report")
    test.add_argument("--data", type=Path, metavar="DIR", help="data folder of `ioc up`, where there are several")
    test.set_defaults(handler=_test)


def _test(args: argparse.Namespace, settings: Settings) -> int:
    from alerts import testing

    return testing.command(args, settings)


def _bench(args: argparse.Namespace, settings: Settings) -> int:  # noqa: ARG001  it brings its own database
    from alerts import bench

    return bench.command(args)


def _brief(args: argparse.Namespace, settings: Settings) -> int:
    from alerts import preview

    return preview.command(args, settings)


def _cap(args: argparse.Namespace, settings: Settings) -> int:
    from alerts import cap_command

    return cap_command.command(args, settings)


def _bench_anomaly(args: argparse.Namespace, settings: Settings) -> int:  # noqa: ARG001  files alone
    from alerts import bench_anomaly

    return bench_anomaly.command(args)


def _alerts(args: argparse.Namespace, settings: Settings) -> int:
    import ioc.service
    from alerts import service

    return ioc.service.run("alerts", service.run, args.folder, settings)
