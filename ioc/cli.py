"""The command line, and the composition root: the one place that knows every package.

Each package registers its commands in `<package>/commands.py`; nothing heavy is imported until a command runs.
"""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from contextlib import contextmanager
from difflib import get_close_matches
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, NoReturn

from ioc import __version__
from ioc.errors import ConfigError, IocError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

PACKAGES = ("ioc", "ingest", "alerts", "dashboards", "sample_feeds")  # in the order of the help

WELCOME = """\
IOC: the operations centre a city can trust.

  ioc up              a whole sample city on this machine; prints the address to open
  ioc up my-city/     your own city folder
  ioc check my-city/  every fault in a city folder, with file, place and hint

All commands: ioc --help.  One command: ioc COMMAND --help."""


class Parser(argparse.ArgumentParser):
    """argparse that guesses what was meant and never guesses silently."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"allow_abbrev": False, **kwargs})

    def error(self, message: str) -> NoReturn:
        raise UsageError(self.prog, message)

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is not None and value not in action.choices:
            names = [str(choice) for choice in action.choices]
            what = "command" if isinstance(action, argparse._SubParsersAction) else action.metavar or action.dest  # noqa: SLF001
            near = _suggestion(str(value), names) or f"; there are: {', '.join(names)}"
            self.error(f"unknown {what} {value!r}{near}")

    def options(self) -> list[str]:
        """Every option this parser knows."""
        return [o for action in self._actions for o in action.option_strings]

    def chosen(self, argv: Sequence[str]) -> Parser:
        """The parser of the (sub)command that `argv` names."""
        for action in self._actions:
            if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
                for word in argv:
                    if word in action.choices:
                        found: Parser = action.choices[word]
                        return found.chosen(argv[list(argv).index(word) + 1 :])
        return self


class UsageError(IocError):
    """The command line cannot be understood."""

    def __init__(self, prog: str, message: str) -> None:
        self.prog = prog
        super().__init__(message)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code: 0 well, 1 it failed and said why, 2 not understood, 130 interrupted."""
    words = list(sys.argv[1:] if argv is None else argv)
    debug = "--debug" in words
    words = [word for word in words if word != "--debug"]
    if not words:
        print(WELCOME)
        return 0
    try:
        return _run(words)
    except BrokenPipeError:
        sys.stderr.close()  # the reader of our output went away, as `| head` does
        return 0
    except KeyboardInterrupt:
        return _say("interrupted", 130)
    except Exception as error:  # the edge: an operator gets one message, a developer --debug
        if debug:
            raise
        return _explain(error)


def _run(words: list[str]) -> int:
    from ioc.settings import Settings
    from ioc.up.borrow import BORROWERS, borrowed

    parser = build()
    args, extra = parser.parse_known_args(words)
    if extra:
        chosen = parser.chosen(words)
        near = _suggestion(extra[0].partition("=")[0], chosen.options()) if extra[0].startswith("-") else ""
        raise UsageError(chosen.prog, f"not understood: {' '.join(extra)}{near}")
    if not hasattr(args, "handler"):
        parser.chosen(words).print_help()
        return 2
    settings = Settings.from_environment()
    if args.command in BORROWERS:
        settings = borrowed(settings, tell=args.command != "feeds")  # much of feeds needs none
    with _terminable():
        return int(args.handler(args, settings) or 0)


@contextmanager
def _terminable() -> Iterator[None]:
    """SIGTERM ends a command as its own end does: what it started is stopped. Those that run for long set their own."""

    def leave(*_: object) -> None:
        raise SystemExit(128 + signal.SIGTERM)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def build() -> Parser:
    """The whole parser."""
    parser = Parser(prog="ioc", description=WELCOME.partition("\n")[0], epilog="--debug shows where an error came from")
    parser.add_argument("--version", action="version", version=f"ioc {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", dest="command", parser_class=Parser)
    for package in PACKAGES:
        if find_spec(f"{package}.commands") is not None:
            import_module(f"{package}.commands").register(commands)
    return parser


def _suggestion(word: str, known: list[str]) -> str:
    near = get_close_matches(word, known, 1, 0.5)
    return f": did you mean {near[0]}?" if near else ""


def _explain(error: Exception) -> int:
    if isinstance(error, UsageError):
        return _say(f"{error}\nSee: {error.prog} --help", 2)
    if isinstance(error, ConfigError):
        count = len(error.faults)
        return _say(f"{count} fault{'s' if count != 1 else ''} in the city folder:\n{error}", 1)
    if isinstance(error, IocError):
        return _say(str(error), 1)
    if isinstance(error, OSError) and error.filename:
        return _say(f"{error.filename}: {error.strerror}", 1)
    return _say(f"unexpected {type(error).__name__}: {error}\nRun it again with --debug to see where.", 1)


def _say(text: str, code: int) -> int:
    print(f"ioc: {text}", file=sys.stderr)
    return code
