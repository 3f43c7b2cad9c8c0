"""`ioc bench latency`: publish -> broker -> ingester -> store -> screens -> painted in a browser, all of it real.

A number counts up on one sensor while the others make traffic; the page notes the moment after which the number is
on the map. Both clocks are this machine's.
"""

from __future__ import annotations

import json
import random
import shutil
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dashboards import bench_parts
from dashboards.bench_load import Publisher
from dashboards.bench_parts import until

if TYPE_CHECKING:
    import argparse

PROBE = "probe"
_PER_S = 8  # numbers a second on the probed sensor
_WARM_S = 3.0
_USUAL_S, _LEAST_S = 20.0, 5.0  # seconds measured
_WHOLE_S = 50.0  # seconds that all of it may take by default, the stop left out
CITY = 'key = "bench"\nname = "Bench"\nzone = "UTC"\n[map]\ncenter = [105.97, 9.6]\nzoom = 10\n'
METRICS = '[level]\nname = "Level"\ndecimals = 0\n'
FEED = 'name = "Bench"\ntopic = "bench/{sensor}/{metric}"\nformat = "value"\ncadence = "10s"\n'

# Two frames after the change was applied it has been painted: the first runs before painting, the second after it.
WATCH = """() => { window.seen = []; const at = IOC.live.points.key.indexOf('probe');
  IOC.live.on('points', () => { const n = IOC.live.values[at];
    const note = () => window.seen.push([n, performance.timeOrigin + performance.now()]);
    requestAnimationFrame(() => requestAnimationFrame(note)); }); }"""


def command(args: argparse.Namespace) -> int:
    """Run it and print; the last line is one JSON object."""
    browser = bench_parts.browser("latency")
    folder, began = Path(tempfile.mkdtemp(prefix="ioc-bench-")), time.monotonic()
    try:
        _write_city(folder / "city", args.sensors)
        with bench_parts.running(folder) as parts:
            if not args.json:
                print(f"{args.sensors} sensors, {args.rate} messages/s", flush=True)
            result = _measure(browser, parts.url, parts.port, args, began)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(json.dumps(result))
    return 0


def _write_city(city: Path, sensors: int) -> None:
    (city / "feeds").mkdir(parents=True)
    rng = random.Random(1)  # noqa: S311  places on a map
    keys = [PROBE, *(f"s{n}" for n in range(sensors - 1))]
    features = [
        {"type": "Feature", "properties": {"key": key, "name": key, "feed": "bench"},
         "geometry": {"type": "Point", "coordinates": [rng.gauss(105.97, 0.1), rng.gauss(9.6, 0.1)]}}
        for key in keys
    ]  # fmt: skip
    (city / "city.toml").write_text(CITY)
    (city / "metrics.toml").write_text(METRICS)
    (city / "feeds" / "bench.toml").write_text(FEED)
    (city / "sensors.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": features}))


def _measure(browser: str, url: str, port: int, args: argparse.Namespace, began: float) -> dict[str, Any]:
    """Publish while the page watches; match numbers with moments."""
    from playwright.sync_api import sync_playwright  # of the test extra: only this bench needs it

    sent: dict[int, float] = {}
    ends = threading.Event()
    with (
        sync_playwright() as playwright,
        playwright.chromium.launch(executable_path=browser, args=bench_parts.FLAGS) as chromium,
    ):
        page = chromium.new_page(viewport={"width": 1920, "height": 1080})
        load = threading.Thread(target=_publish, args=(port, args.sensors, args.rate, sent, ends), daemon=True)
        load.start()
        page.goto(url + "/wall")
        until(
            page, "window.IOC && IOC.live.points && IOC.live.points.key.indexOf('probe') >= 0 && IOC.live.painted > 3"
        )
        page.evaluate(WATCH)
        left = max(_LEAST_S, _WHOLE_S - _WARM_S - (time.monotonic() - began))
        page.wait_for_timeout((_WARM_S + (args.seconds or min(_USUAL_S, left))) * 1000)
        seen = page.evaluate("window.seen")
        ends.set()
        load.join(5)
    delays = painted(seen, sent, after=min(at for _, at in seen) / 1000 + _WARM_S)
    p50, p95, p99 = (round(float(np.percentile(delays, q)), 1) for q in (50, 95, 99))
    return {"painted_p50_ms": p50, "painted_p95_ms": p95, "painted_p99_ms": p99, "samples": len(delays),
            "sensors": args.sensors, "messages_per_s": args.rate}  # fmt: skip


def painted(seen: list[list[float]], sent: dict[int, float], after: float) -> list[float]:
    """Milliseconds from publish to the first moment each number was seen, of those sent from `after` on.

    A number that a newer one overtook within a frame was never on the screen and does not count.
    """
    first: dict[int, float] = {}
    for number, at in seen:
        if number is not None:
            first.setdefault(int(number), at)
    return [at - sent[n] * 1000 for n, at in first.items() if n in sent and sent[n] >= after]


def _publish(port: int, sensors: int, rate: int, sent: dict[int, float], ends: threading.Event) -> None:
    """The probe's number `_PER_S` times a second, in step with nothing; other sensors fill up to `rate`."""
    rng = random.Random(2)  # noqa: S311  traffic
    others = max(1, sensors - 1)
    number, due, probe_due = 0, time.monotonic(), time.monotonic()
    with Publisher(port) as publisher:
        while not ends.is_set():
            if time.monotonic() >= probe_due:
                probe_due += rng.uniform(0.5, 1.5) / _PER_S
                number += 1
                sent[number] = publisher.publish(f"bench/{PROBE}/level", str(number))
            publisher.publish(f"bench/s{rng.randrange(others)}/level", str(rng.randrange(100)))
            due += 1 / rate
            time.sleep(max(0.0, due - time.monotonic()))
