"""How long somebody waits after wrong log-ins: longer each time, never for ever. Pure but for bounded memory."""

from __future__ import annotations

from collections import OrderedDict
from datetime import timedelta
from typing import NamedTuple


class Patience(NamedTuple):
    """`free` wrong attempts cost nothing; the next makes one wait `first` seconds, each after it twice as long, up to
    `most`. What lies `forgotten` seconds back does not count.
    """

    free: int
    first: float
    most: float
    forgotten: float = 86_400.0

    def after(self, failures: int) -> timedelta:
        """How long to wait after so many wrong attempts in a row."""
        beyond = failures - self.free
        seconds = 0.0 if beyond < 0 else min(self.most, self.first * 2.0 ** min(beyond, 40))
        return timedelta(seconds=seconds)


ACCOUNT = Patience(free=5, first=5, most=900)  # some five tries an hour in the long run, whoever tries from wherever
ADDRESS = Patience(free=20, first=2, most=60, forgotten=3600)  # many people may sit behind one address


class _Tried(NamedTuple):
    failures: int
    at: float
    until: float


class Waits:
    """Wrong attempts by key. A flood of keys forgets the oldest, so it costs nobody memory."""

    def __init__(self, patience: Patience, keys: int = 10_000) -> None:
        self._patience, self._keys = patience, keys
        self._tried: OrderedDict[str, _Tried] = OrderedDict()

    def left(self, key: str, now: float) -> float:
        """Seconds still to wait. now: s, any steady clock."""
        tried = self._tried.get(key)
        return max(0.0, tried.until - now) if tried else 0.0

    def failed(self, key: str, now: float) -> float:
        """One more wrong attempt; returns the seconds to wait from now."""
        known = self._tried.pop(key, None)
        before = known.failures if known and now - known.at < self._patience.forgotten else 0
        wait = self._patience.after(before + 1).total_seconds()
        self._tried[key] = _Tried(before + 1, now, now + wait)
        if len(self._tried) > self._keys:
            self._tried.popitem(last=False)
        return wait

    def passed(self, key: str) -> None:
        self._tried.pop(key, None)

    def __len__(self) -> int:
        return len(self._tried)
