"""Payload bytes -> JSON data or text, as forgiving as is safe: byte order marks, trailing NULs, NaN, Latin-1."""

from __future__ import annotations

import codecs
import json
from typing import Any

import orjson

from ioc.errors import DecodeError


def json_data(payload: bytes) -> Any:
    """Parsed JSON. Raises DecodeError `not_json` or `empty`."""
    try:
        return orjson.loads(payload)
    except orjson.JSONDecodeError as error:
        return _salvaged(payload, error)


def json_object(payload: bytes) -> dict[str, Any]:
    """A JSON object. Raises DecodeError `not_json`, `empty` or `not_an_object`."""
    data = json_data(payload)
    if data.__class__ is not dict:
        raise DecodeError("not_an_object", f"a JSON object is expected, not {type(data).__name__}")
    return data


def text_of(payload: bytes) -> str:
    """Text of any usual encoding, without byte order mark and NULs at the end."""
    if payload.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return payload.decode("utf-16", "replace")
    try:
        text = payload.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = payload.decode("cp1252", "replace")
    return text.rstrip("\0")


def _salvaged(payload: bytes, error: Exception) -> Any:
    """Devices write C strings and Python's NaN; worth a second look, at the price of the slower parser."""
    text = text_of(payload).strip()
    if not text:
        raise DecodeError("empty", "the payload is empty")
    try:
        return json.loads(text) if "NaN" in text or "Infinity" in text else orjson.loads(text)
    except (ValueError, RecursionError):
        raise DecodeError("not_json", str(error)) from error
