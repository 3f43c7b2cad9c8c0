"""Commands of two words, as `ioc bench ingest` and `ioc bench latency`, that live in different packages."""

from __future__ import annotations

from typing import Any


def group(commands: Any, name: str, help: str) -> Any:  # noqa: A002  argparse's word
    """The subparsers of the command `name`, which is made by whoever asks first."""
    parser = commands.choices.get(name) or commands.add_parser(name, help=help)
    if not hasattr(parser, "kinds"):
        parser.kinds = parser.add_subparsers(title="what", metavar="WHAT", required=True)
    return parser.kinds
