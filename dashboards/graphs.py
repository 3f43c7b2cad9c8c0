"""How a chart behaves in the browser: its tools, and their words in the reader's language."""

from __future__ import annotations

from typing import Any

from dashboards import viewer
from dashboards.parts import word

# What Plotly says, by its English: our phrase for it.
_SAYS = {
    "Zoom": "zoom", "Pan": "pan", "Zoom in": "zoom_in", "Zoom out": "zoom_out", "Autoscale": "autoscale",
    "Reset axes": "reset", "Download plot as a PNG": "png", "Download plot as a png": "png",
    "Double-click to zoom back out": "back", "Double-click on legend to isolate one trace": "isolate",
}  # fmt: skip


def config(*, tools: bool = True, **more: Any) -> Any:
    """Settings of a dcc.Graph. tools: whether its bar of tools is shown at all."""
    language = viewer.language()
    said = {english: word(f"graph.{key}") for english, key in _SAYS.items()}
    return {"displaylogo": False, "responsive": True, "locale": language, "displayModeBar": "hover" if tools else False,
            "locales": {language: {"dictionary": said}}, **more}  # fmt: skip
