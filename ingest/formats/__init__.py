"""The contract of a payload format: payload bytes and topic segments go in, records come out.

One file `ingest/formats/<name>.py` is one format; its name is what a feed writes after `format =`. It holds

    class Options(ioc.config.types.Model)     what a feed may write under [options]
    def compile(options: Options) -> Decode   checks and prepares once; what it returns runs for every message

and may hold `TOPIC` (the usual filter, or several), `EXAMPLE` (topic, payload), `recognise(topic, payload) -> 0..1` for
suggestions, `RELATIVE_TIMES = True` (below), `LEARNS = True` where retained messages teach it and are to be sent
again when it starts anew, and `teaches(topic) -> bool` where messages that are not retained do: the newest of each
such topic is kept in the store and decoded again, for what it teaches only, when the decoder starts anew.
Names that start with an underscore are shared helpers, not formats.

A decoder
- fills what the payload, or by the format's definition the topic, says, and leaves the rest None: `ingest.feed` adds
  the sensor from the topic or the registry, the arrival time, prefix, renames, units, states and limits;
- raises DecodeError(reason, detail) when a message cannot be used, Ignored(reason) when it holds nothing to store;
  any other exception is caught by the pipeline and quarantined as `bad_payload`;
- never hangs and never grows: what a closure remembers (discovery, aliases) is bounded. It runs in one thread.

Times. A naive local time is read in the zone of the option `zone`; where a format's Options have that field and the
feed leaves it out, `compiled` fills in the feed's or the city's zone. In a format with RELATIVE_TIMES, a record time
below RELATIVE_BELOW is not a time but an offset to the arrival, in microseconds (RFC 8428, 4.5.3): the feed layer adds
the arrival time and counts the record's time as coming from the arrival.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

from pydantic import ValidationError

from ioc import plugins
from ioc.config import report
from ioc.records import Micros, Record

Segments: TypeAlias = Mapping[str, str]  # named topic segments; "" is the whole topic, "#" what a trailing # matched
Decode: TypeAlias = Callable[[bytes, Segments], Iterable[Record]]

RELATIVE_BELOW: Micros = 2**28 * 1_000_000
NO_SEGMENTS: Segments = {"": ""}


def compiled(name: str, options: Mapping[str, Any], zone: str = "UTC") -> Decode:
    """The decoder of format `name` with a feed's options. Raises ValueError that names each faulty option."""
    try:
        module = plugins.load(__name__, name)
    except LookupError as error:
        raise ValueError(f"format: {error}") from error
    try:
        checked = module.Options.model_validate(_with_zone(module.Options, options, zone))
    except ValidationError as error:
        raise ValueError("; ".join(_fault(module.Options, fault) for fault in error.errors())) from error
    decode: Decode = module.compile(checked)
    return decode


def _with_zone(model: Any, options: Mapping[str, Any], zone: str) -> dict[str, Any]:
    field = model.model_fields.get("zone")  # where a format has a zone of its own, that one holds
    wanted = field is not None and field.default is None and not options.get("zone")
    return {**options, "zone": zone} if wanted else dict(options)


def _fault(options: Any, error: Any) -> str:
    found = report.fault("", "", options, error)
    place = f"options.{found.place}" if found.place else "options"
    return f"{place}: {found.what}" + (f": {found.hint}" if found.hint else "")
