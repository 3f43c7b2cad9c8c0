"""Whole seconds since 1970 -> the ways payloads write a time; remembered, because many sensors speak in one second."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache

LOCAL = timezone(timedelta(hours=7))


@lru_cache(maxsize=4096)
def utc(seconds: int) -> str:
    """2026-11-21T12:30:00Z"""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@lru_cache(maxsize=4096)
def utc_plain(seconds: int) -> str:
    """2026-11-21 12:30:00"""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")


@lru_cache(maxsize=4096)
def offset(seconds: int) -> str:
    """2026-11-21T19:30:00+07:00"""
    return datetime.fromtimestamp(seconds, LOCAL).isoformat()


@lru_cache(maxsize=4096)
def local(seconds: int) -> str:
    """2026-11-21T19:30:00, as devices say it that do not know their zone"""
    return datetime.fromtimestamp(seconds, LOCAL).strftime("%Y-%m-%dT%H:%M:%S")


@lru_cache(maxsize=4096)
def day_first(seconds: int) -> str:
    """21/11/2026 19:30:00"""
    return datetime.fromtimestamp(seconds, LOCAL).strftime("%d/%m/%Y %H:%M:%S")
