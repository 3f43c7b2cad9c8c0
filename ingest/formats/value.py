"""One value a message: `23.4`, `23,4 °C`, `ON`, `true`, or a JSON scalar such as `"23.4"`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ingest.formats._read import text_of
from ingest.formats._values import number_or_text, with_unit
from ioc.config.types import Model
from ioc.errors import DecodeError, Ignored
from ioc.records import Measurement

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ingest.formats import Decode, Segments
    from ioc.records import Record

TOPIC = "{sensor}/{metric}"
EXAMPLE = ("pump-3/level", b"3.41")
_LONGEST = 200  # characters: what is longer is no single value


class Options(Model):
    """metric: a name, or a template over topic segments such as "{quantity}"; without it the segment {metric}."""

    metric: str = "{metric}"
    unit: str | None = None
    decimal: str = "."


def compile(options: Options) -> Decode:  # noqa: A001
    fixed = options.metric if "{" not in options.metric else None
    comma = options.decimal == ","

    def decode(payload: bytes, segments: Segments) -> Iterable[Record]:
        text = text_of(payload[: 4 * _LONGEST]).strip().strip('"').strip()
        if not text:
            raise Ignored("empty")
        if len(text) > _LONGEST or text[0] in "{[<":
            raise DecodeError("not_a_value", f"one value is expected, not {text[:60]!r}")
        metric = fixed or _named(options.metric, segments)
        found, unit = with_unit(number_or_text(text, comma=comma))
        return (Measurement(metric, found, unit=options.unit or unit),)

    return decode


def _named(template: str, segments: Segments) -> str:
    try:
        return template.format_map(segments)
    except (KeyError, ValueError, IndexError, AttributeError) as error:
        raise DecodeError("no_metric", f"the topic has no segment for {template!r}") from error
