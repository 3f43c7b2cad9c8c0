"""Systems that tell of all their places in one message: CSV exports, Influx lines, a JSON list."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

import orjson

from sample_feeds.payloads import Draft, Rows, clock

if TYPE_CHECKING:
    from collections.abc import Iterator

dumps = orjson.dumps


def _together(rows: Rows) -> Iterator[tuple[range, int]]:
    """Runs of rows that say the same time."""
    at = 0
    for said, run in groupby(rows.said):
        size = len(list(run))
        yield range(at, at + size), said
        at += size


def parking(rows: Rows) -> Iterator[Draft]:
    """A CSV export with Vietnamese headings, semicolons and decimal commas."""
    parked, free, share = (rows.columns[m] for m in ("parked", "free_places", "parking_occupancy"))
    for run, said in _together(rows):
        when = clock.day_first(said)
        lines = [
            f"{rows.keys[n]};{when};{round(parked[n])};{round(free[n])};{f'{share[n]:.1f}'.replace('.', ',')}"
            for n in run
        ]
        yield Draft(
            "soctrang/bai-xe/csv", "\n".join(["ma;thoi_gian;dang_do;con_trong;ty_le", *lines, ""]).encode(), run
        )


def one_stop(rows: Rows) -> Iterator[Draft]:
    names = ("files_received", "files_waiting", "wait_time", "on_time_share", "online_share")
    columns = [rows.columns[m] for m in names]
    for run, said in _together(rows):
        when = clock.offset(said)
        lines = [f"{rows.keys[n]},{when}," + ",".join(f"{c[n]:.1f}" for c in columns) for n in run]
        yield Draft(
            "soctrang/mot-cua/csv",
            "\n".join(["unit,time,received,waiting,wait_min,on_time_pct,online_pct", *lines, ""]).encode(),
            run,
        )


def cells_5g(rows: Rows) -> Iterator[Draft]:
    """Influx line protocol, as Telegraf would forward it."""
    load, users, down, delay, up = (
        rows.columns[m] for m in ("cell_load", "cell_users", "downlink", "latency", "availability")
    )
    for run, said in _together(rows):
        lines = [
            f"cell_kpi,cell={rows.keys[n]},vendor=gnb "
            f"prb={load[n]:.1f},users={round(users[n])}i,dl={down[n]:.0f},rtt={delay[n]:.1f},avail={up[n]:.3f} "
            f"{said}000000000"
            for n in run
        ]
        yield Draft("soctrang/telegraf/5g", "\n".join([*lines, ""]).encode(), run)


def hospitals(rows: Rows) -> Iterator[Draft]:
    used, free, share, waiting, intensive = (
        rows.columns[m] for m in ("beds_occupied", "beds_free", "bed_occupancy", "emergency_waiting", "icu_free")
    )
    for run, said in _together(rows):
        found = [
            {
                "ma": rows.keys[n],
                "giuong": {
                    "dang_dung": round(used[n]),
                    "trong": round(free[n]),
                    "cong_suat": round(share[n] / 100.0, 3),
                },
                "cap_cuu": {"dang_cho": round(waiting[n]), "hoi_suc_trong": round(intensive[n])},
            }
            for n in run
        ]
        yield Draft("soctrang/y-te/giuong-benh", dumps({"cap_nhat": clock.day_first(said), "benh_vien": found}), run)
