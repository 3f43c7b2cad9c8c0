"""The painter's own process: a request a line on stdin, a picture on stdout, its length first; none is "could not".

matplotlib is not thread-safe, leaks and may hang: here it may, and is killed without harm.
"""

from __future__ import annotations

import struct
import sys
import warnings
from pathlib import Path
from typing import BinaryIO

import orjson

FONTS = Path(__file__).parent / "fonts"


def main(requests: BinaryIO, answers: BinaryIO) -> None:
    _prepare()
    from alerts import chart, citymap

    painters = {"chart": chart.draw, "map": citymap.draw}
    for line in requests:
        try:
            request = orjson.loads(line)
            if request["kind"] == "warm":
                answers.write(struct.pack("!I", 0))
                answers.flush()
                continue
            picture = painters[request["kind"]](request["data"])
        except Exception as error:  # noqa: BLE001  whatever it is, the mail goes without
            print(f"picture not drawn: {error!r}", file=sys.stderr, flush=True)
            picture = b""
        answers.write(struct.pack("!I", len(picture)) + picture)
        answers.flush()


def _prepare() -> None:
    """No screen, and letters for Vietnamese (DejaVu) and Lao (ours)."""
    import matplotlib as mpl
    from matplotlib import font_manager

    mpl.use("Agg")
    for font in sorted(FONTS.glob("*.ttf")):
        font_manager.fontManager.addfont(str(font))
    mpl.rcParams["font.family"] = ["DejaVu Sans", "Noto Sans Lao"]
    warnings.filterwarnings("ignore", message="Glyph .* missing")


if __name__ == "__main__":
    main(sys.stdin.buffer, sys.stdout.buffer)
