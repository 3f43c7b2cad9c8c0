"""The sample city, Sóc Trăng: its folder, and the models that make its feeds live. Knows no broker and no store."""

from __future__ import annotations
