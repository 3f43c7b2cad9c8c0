"""MQTT message -> readings -> store, acknowledged after the commit. The only importer of paho."""

from __future__ import annotations
