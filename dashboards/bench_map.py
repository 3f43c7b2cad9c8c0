"""`ioc bench map`: a city of 50,000 points with 5,000 changes a second, 200 displays, and one real browser that paints.

Everything is real: broker, ingester, store, screens, sockets, Chromium (with software WebGL where there is no graphics
card). The map colours every point by its value, ungrouped, so that every change restyles a point.
"""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import psutil

from dashboards import bench_parts
from dashboards.bench import painted
from dashboards.bench_load import Publisher
from dashboards.bench_parts import until
from ioc.store import database, snapshot

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from dashboards.bench_parts import Parts

PROBE = "probe"
_BATCH = 100  # values a message
_PER_S = 4  # numbers a second on the probed sensor
_WARM_S, _USUAL_S, _LEAST_S = 6.0, 15.0, 8.0
_WARM_UPDATES = 15
_WHOLE_S = 52.0  # seconds that all of it may take by default
CITY = 'key = "bench"\nname = "Bench"\nzone = "UTC"\n[map]\ncenter = [105.97, 9.6]\nzoom = 10\n'
METRICS = '[level]\nname = "Level"\ndecimals = 1\nsteps = [[80, 1], [95, 2]]\n'
FEED = (
    'name = "Bench"\ntopic = "bench/values"\nformat = "json"\ncadence = "10min"\n'
    '[options]\nrecords = "r[]"\nsensor = "s"\n[options.values]\nlevel = "v"\n'
)

# What a message costs the page's main thread: our scripts, and handing the arrays to the graphics card (apply). How
# long MapLibre then takes for the picture (render) is noted beside it: without a graphics card it waits for software.
WATCH = """() => {
  const at = IOC.registry.at(IOC.live.points, 'probe'), city = document.getElementById('map').city;
  const b = window.bench = {apply: [], render: [], seen: [], changed: 0};
  let waiting = 0, uploaded = 0, last = 0;
  city.look({mode: 'level', cluster: 'off'});
  const upload = city.points.upload.bind(city.points), render = city.map._render.bind(city.map);
  city.points.upload = gl => { const began = performance.now(); upload(gl); uploaded += performance.now() - began; };
  city.map._render = t => {
    const began = performance.now(), made = render(t);
    if (waiting) { b.apply.push(waiting + uploaded); b.render.push(performance.now() - began); }
    waiting = uploaded = 0;
    return made;
  };
  IOC.live.on('points', change => {
    const n = IOC.live.values[at], paint = () => b.seen.push([n, performance.timeOrigin + performance.now()]);
    b.changed += change.slots ? change.slots.length : 0;
    queueMicrotask(() => { waiting += IOC.live.spent; });
    if (n !== last) { last = n; requestAnimationFrame(() => requestAnimationFrame(paint)); }
  });
}"""
# Forgets what was noted; with {keep}, all but the newest.
FORGET = "() => {{ for (const k of ['apply', 'render', 'seen']) bench[k] = bench[k].slice({keep}); }}"
READY = """window.IOC && IOC.live.painted > 0 && IOC.live.values[IOC.registry.at(IOC.live.points, 'probe')] >= 0
  && document.getElementById('map').city && document.getElementById('map').city.ready"""


def command(args: argparse.Namespace) -> int:
    """Run it and print; the last line is one JSON object."""
    browser, folder, began = bench_parts.browser("map"), Path(tempfile.mkdtemp(prefix="ioc-bench-")), time.monotonic()
    try:
        _write_city(folder / "city", args.points)
        with bench_parts.running(folder, 90.0) as parts:
            if not args.json:
                print(f"{args.points} points, {args.rate} changes/s, {args.displays} displays", flush=True)
            result = _measure(browser, parts, args, began)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(json.dumps(result))
    return 0


def _write_city(city: Path, points: int) -> None:
    (city / "feeds").mkdir(parents=True)
    rng = random.Random(1)  # noqa: S311  places on a map
    features = [
        {"type": "Feature", "properties": {"key": key, "name": f"Sensor {key}", "feed": "bench"},
         "geometry": {"type": "Point", "coordinates": [rng.gauss(105.97, 0.12), rng.gauss(9.6, 0.12)]}}
        for key in _keys(points)
    ]  # fmt: skip
    (city / "city.toml").write_text(CITY)
    (city / "metrics.toml").write_text(METRICS)
    (city / "feeds" / "bench.toml").write_text(FEED)
    (city / "sensors.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": features}))


def _keys(points: int) -> list[str]:
    return [PROBE, *(f"s{n}" for n in range(points - 1))]


def _measure(browser: str, parts: Parts, args: argparse.Namespace, began: float) -> dict[str, Any]:
    from playwright.sync_api import sync_playwright  # of the test extra: only benches need it

    _fill(parts, args.points)
    sent: dict[int, float] = {}
    ends = threading.Event()
    load = threading.Thread(target=_publish, args=(parts.port, args.points, args.rate, sent, ends), daemon=True)
    with (
        _displays(parts.url, args.displays) as displays,
        sync_playwright() as playwright,
        playwright.chromium.launch(executable_path=browser, args=bench_parts.FLAGS) as chromium,
    ):
        page = chromium.new_page(viewport={"width": 1920, "height": 1080})
        page.goto(parts.url + "/")
        until(page, READY, 120)
        page.evaluate(WATCH)
        load.start()
        page.wait_for_timeout(_WARM_S * 1000)
        until(page, f"bench.apply.length >= {_WARM_UPDATES}", 30)
        found = _watch(page, displays, parts, args, began)
        ends.set()
        load.join(5)
        counted = _count(displays)
    return _result(found, counted, sent, args)


def _watch(page: Any, displays: subprocess.Popen[str], parts: Parts, args: argparse.Namespace, began: float) -> Any:
    """The measured span: heap before and after, the server's CPU, what the page noted."""
    left = max(_LEAST_S, min(_USUAL_S, _WHOLE_S - (time.monotonic() - began)))
    seconds = args.soak * 3600 if args.soak else args.seconds or left
    devtools = page.context.new_cdp_session(page)
    before = _heap(devtools)
    page.evaluate(FORGET.format(keep=10**9))
    page.evaluate("() => { bench.changed = 0; }")
    assert displays.stdin is not None
    displays.stdin.write("start\n")
    displays.stdin.flush()
    screens, started = psutil.Process(parts.screens), time.monotonic()
    cpu = sum(screens.cpu_times()[:2])
    heaps = [before]
    while (rest := seconds - (time.monotonic() - started)) > 0:
        page.wait_for_timeout(min(rest, 60.0) * 1000)
        if args.soak:
            heaps.append(_heap(devtools))
            page.evaluate(FORGET.format(keep=-5000))
    took = time.monotonic() - started
    cores = (sum(screens.cpu_times()[:2]) - cpu) / took
    noted = page.evaluate("bench")
    return {"noted": noted, "cores": cores, "took": took, "heap": (before, _heap(devtools))}


def _heap(devtools: Any) -> float:
    """Bytes of JavaScript after a full collection."""
    devtools.send("HeapProfiler.collectGarbage")
    return float(devtools.send("Runtime.getHeapUsage")["usedSize"])


def _result(
    found: dict[str, Any], counted: dict[str, int], sent: dict[int, float], args: argparse.Namespace
) -> dict[str, Any]:
    noted, (before, after) = found["noted"], found["heap"]
    delays = painted(noted["seen"], sent, after=0)
    return {
        "points": args.points, "changes_per_s": round(noted["changed"] / found["took"]),
        "apply_ms_p95": _p95(noted["apply"]),
        "bytes_per_change": round(counted["bytes"] / max(1, counted["values"]), 2),
        "displays": counted["alive"], "cpu_cores": round(found["cores"], 3),
        "heap_growth_percent": round(100 * (after / before - 1), 2), "painted_p95_ms": _p95(delays),
        "updates": len(noted["apply"]), "samples": len(delays), "behind": counted["behind"],
        "render_ms_p95": _p95(noted["render"]),  "seconds": round(found["took"], 1), "webgl": "software",
    }  # fmt: skip


def _p95(values: list[float]) -> float | None:
    return round(float(np.percentile(values, 95)), 1) if values else None


@contextmanager
def _displays(url: str, count: int) -> Iterator[subprocess.Popen[str]]:
    """`count` sockets in a process of their own."""
    address = url.replace("http://", "ws://") + "/ws/live"
    child = subprocess.Popen([sys.executable, "-m", "dashboards.bench_displays", address, str(count)],
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)  # fmt: skip
    try:
        yield child
    finally:
        child.kill()
        child.communicate()


def _count(displays: subprocess.Popen[str]) -> dict[str, int]:
    assert displays.stdin is not None
    assert displays.stdout is not None
    displays.stdin.write("end\n")
    displays.stdin.flush()
    found: dict[str, int] = json.loads(displays.stdout.readline())
    return found


def _message(values: list[tuple[str, float]]) -> str:
    return json.dumps({"r": [{"s": key, "v": value} for key, value in values]})


def _fill(parts: Parts, points: int) -> None:
    """A first value for every point, and wait until the store has them all."""
    keys, rng = _keys(points), random.Random(3)  # noqa: S311  values
    with Publisher(parts.port) as publisher, database.connect(parts.database, autocommit=True) as conn:
        for at in range(0, points, 10 * _BATCH):
            some = keys[at : at + 10 * _BATCH]
            publisher.publish("bench/values", _message([(k, 0.0 if k == PROBE else rng.uniform(0, 100)) for k in some]))
        deadline = time.monotonic() + 60
        while len(snapshot.latest(conn)) < points and time.monotonic() < deadline:
            time.sleep(0.5)


def _publish(port: int, points: int, rate: int, sent: dict[int, float], ends: threading.Event) -> None:
    """`rate` values a second, evenly; the probe counts up `_PER_S` times a second, in step with nothing."""
    rng = random.Random(2)  # noqa: S311  traffic
    number, due, probe_due, others = 0, time.monotonic(), time.monotonic(), points - 1
    with Publisher(port) as publisher:
        while not ends.is_set():
            values = [(f"s{rng.randrange(others)}", round(rng.uniform(0, 100), 1)) for _ in range(_BATCH)]
            if time.monotonic() >= probe_due:
                probe_due += rng.uniform(0.5, 1.5) / _PER_S
                number += 1
                values.append((PROBE, float(number)))
                sent[number] = publisher.publish("bench/values", _message(values))
            else:
                publisher.publish("bench/values", _message(values))
            due += _BATCH / rate
            time.sleep(max(0.0, due - time.monotonic()))
