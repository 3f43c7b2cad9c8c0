"""What the uplinks of LoRaWAN network servers share: repeated frames, radio quality, decoded objects, raw bytes."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any, NamedTuple

from ingest.formats import binary
from ingest.formats._decoded import decoded
from ingest.formats._pieces import from_base64, number, rows
from ioc.errors import DecodeError, Ignored
from ioc.records import Measurement, Record, SensorFacts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ioc.records import Micros

SPAN = 600 * 1_000_000  # a frame repeated within ten minutes is the radio's doing; later the counter was reset
REMEMBERED = 20_000  # devices


class Options(binary.Layouts):
    """radio: report `rssi` and `snr` of the gateway that heard the frame best."""

    radio: bool = True


class Uplink(NamedTuple):
    """One uplink, as all network servers describe it."""

    sensor: str
    time: Micros | None
    session: str  # changes when the device joins anew, and with it the counter
    counter: int | None
    port: int | None
    raw: str  # base64
    decoded: Any
    gateways: list[dict[str, Any]]  # each with `rssi` and `snr`
    battery: float | None = None


class Frames:
    """Knows a frame that came again: same session, counter and bytes, another time, within ten minutes.

    The very same message is let through: after a crash the broker delivers it again, and the store knows what it has.
    """

    def __init__(self) -> None:
        self._seen: OrderedDict[str, tuple[tuple[str, int, str], Micros]] = OrderedDict()

    def check(self, uplink: Uplink) -> None:
        """Raises Ignored `repeated_frame`."""
        if uplink.counter is None or uplink.time is None:
            return
        frame = (uplink.session, uplink.counter, uplink.raw)
        before, when = self._seen.get(uplink.sensor, (None, 0))
        if frame == before and 0 < abs(uplink.time - when) < SPAN:
            raise Ignored("repeated_frame")
        self._seen[uplink.sensor] = (frame, uplink.time)
        self._seen.move_to_end(uplink.sensor)
        if len(self._seen) > REMEMBERED:
            self._seen.popitem(last=False)


def records(options: Options, uplink: Uplink, facts: SensorFacts) -> Iterator[Record]:
    """Facts, values, positions, radio quality of one uplink. Raises DecodeError `no_layout`, Ignored `empty_frame`."""
    values = list(_values(options, uplink))
    named = {v.metric for v in values if isinstance(v, Measurement)}
    extra = [*(_radio(uplink) if options.radio else ()), *_battery(uplink)]
    found = [*values, *(m for m in extra if m.metric not in named)]
    if not found:
        raise Ignored("empty_frame")
    yield facts
    for record in found:
        if record.time is None and not isinstance(record, SensorFacts):
            yield record._replace(sensor=uplink.sensor, time=uplink.time)
        else:
            yield record._replace(sensor=uplink.sensor)


def _values(options: Options, uplink: Uplink) -> Iterator[Any]:
    if uplink.decoded not in (None, {}, []):
        yield from decoded(uplink.decoded)
    elif uplink.raw and uplink.port != 0:
        if options.choose(uplink.port) is None:
            raise DecodeError("no_layout", f"no decoded values, and no layout is declared for port {uplink.port}")
        yield from binary.records(options, from_base64(uplink.raw), uplink.port)


def _radio(uplink: Uplink) -> Iterator[Measurement]:
    heard = [(r, g) for g in uplink.gateways if (r := number(g.get("rssi"))) is not None]
    if heard:
        rssi, gateway = max(heard, key=lambda pair: pair[0])
        yield Measurement("rssi", rssi, unit="dBm")
        snr = number(gateway.get("snr"))
        if snr is not None:
            yield Measurement("snr", snr, unit="dB")


def _battery(uplink: Uplink) -> Iterator[Measurement]:
    if uplink.battery is not None:
        yield Measurement("battery", uplink.battery, unit="%")


def counter(value: Any) -> int | None:
    """A frame counter or port, where it is one."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


__all__ = ["Frames", "Options", "Uplink", "counter", "decoded", "records", "rows"]
