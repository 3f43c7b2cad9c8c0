"""What a sensor is called: from the payload, the topic or the registry; no control characters, bounded length."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ioc.errors import DecodeError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

LONGEST = 160
_TOPIC_NAMES = ("sensor", "device", "id", "station", "node")  # the segments that name a sensor by themselves
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff]+")
_FIELD = re.compile(r"\{(\w*)\}")


def clean(text: str) -> str:
    """Without control characters, direction marks and outer spaces: nothing that forges a line or hides in one.

    Markup stays as the text it is: screens and mails escape it.
    """
    return _CONTROL.sub(" ", str(text)).strip()


class Namer:
    """Names the sensors of one feed.

    template: over topic segments and {id}, the payload's own id; {sensor} is the segment of that name, or else the
    payload's id. only: the registry's sensors of this feed; where there is just one it takes what is nameless.
    """

    def __init__(self, template: str | None, prefix: str, only: Sequence[str]) -> None:
        self._template, self._prefix = template, prefix
        self._single = only[0] if len(only) == 1 else None
        self._wanted = _FIELD.findall(template) if template is not None else None

    def hint(self, segments: Mapping[str, str]) -> str:
        """What of the topic the name depends on."""
        wanted = self._wanted if self._wanted is not None else _TOPIC_NAMES
        return "\x1f".join(segments.get(name, "") for name in wanted)

    def name(self, segments: Mapping[str, str], said: str | None) -> tuple[str, str]:
        """(sensor key, where it is from). Raises DecodeError."""
        found, source = self._filled(segments, said) if self._template is not None else self._plain(segments, said)
        found = clean(found)
        if not found:
            raise DecodeError("no_sensor", "neither the payload nor the topic names a sensor")
        if len(found) + len(self._prefix) > LONGEST:
            raise DecodeError("bad_sensor", f"a name of {len(found)} characters; at most {LONGEST}")
        return (found if source == "registry" else self._prefix + found), source

    def _plain(self, segments: Mapping[str, str], said: str | None) -> tuple[str, str]:
        if said:
            return said, "payload"
        named = next((segments[name] for name in _TOPIC_NAMES if segments.get(name)), None)
        if named:
            return named, "topic"
        if self._single:
            return self._single, "registry"
        return "", "payload"

    def _filled(self, segments: Mapping[str, str], said: str | None) -> tuple[str, str]:
        assert self._template is not None
        source = "topic"

        def value(field: re.Match[str]) -> str:
            nonlocal source
            name = field[1]
            if name == "id" or (name == "sensor" and not segments.get("sensor")):
                source = "payload"
                found = said or segments.get(name)
            else:
                found = segments.get(name)
            if not found:
                raise DecodeError("no_sensor", f"nothing fills {{{name}}} of {self._template}")
            return found

        return _FIELD.sub(value, self._template), source
