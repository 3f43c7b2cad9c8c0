"""`ioc feeds suggest`: messages from a file or the broker -> proposals on the screen or as files."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from ingest import samples
from ingest.suggest import Proposal, suggest
from ioc.errors import IocError

if TYPE_CHECKING:
    import argparse

    from ingest.samples import Sample
    from ioc.settings import Settings

_MOST = 5000  # messages listened to


def command(args: argparse.Namespace, settings: Settings) -> int:
    """Prints every proposal; with --save writes the files, never over one that is there."""
    from ingest.feeds_commands import bare_folder
    from ioc.config import folder as folders

    folder = folders.load(args.city) if args.city else bare_folder()
    if args.file is None and not args.listen:
        raise IocError("name a file of messages, or --listen SECONDS")
    found = _read(args) if args.file else listen(settings, args.topic or "#", args.listen)
    if not found:
        raise IocError("not one message came")
    proposals = suggest(found, folder, time.time_ns() // 1000)
    for proposal in proposals:
        _show(proposal)
        if args.save:
            _save(proposal, args)
    print(f"{len(found)} messages, {len(proposals)} proposals")
    return 0


def _read(args: argparse.Namespace) -> list[Sample]:
    """The file's messages. A file that names no topic gets one of its own: "#" would take what no feed claims."""
    found = samples.read(args.file, args.topic)
    if any(sample.topic for sample in found):
        return found
    topic = f"samples/{args.file.name.split('.')[0]}"
    print(f"{args.file.name} names no topic: write the feed's own in place of {topic!r}, or give --topic\n")
    return [sample._replace(topic=topic) for sample in found]


def listen(settings: Settings, topic: str, seconds: float) -> list[Sample]:
    """What the broker brings in that time. Raises BrokerError."""
    from ingest.listen import heard

    return heard(settings, topic, seconds, _MOST)


def _show(proposal: Proposal) -> None:
    print(f"=== feeds/{proposal.key}.toml  ({proposal.confidence:.0%} sure, {proposal.messages} messages)")
    print(proposal.toml)


def _save(proposal: Proposal, args: argparse.Namespace) -> None:
    home = args.save / "feeds" if (args.save / "city.toml").is_file() else args.save
    target = home / f"{proposal.key}.toml"
    if target.exists():
        raise IocError(f"{target} is there already; remove it or choose another folder")
    home.mkdir(parents=True, exist_ok=True)
    target.write_text(proposal.toml, encoding="utf-8")
    print(f"saved {target}\n")
