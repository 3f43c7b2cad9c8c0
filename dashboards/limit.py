"""How often one address may ask: a bucket that fills again with time. Pure but for its memory, which is bounded."""

from __future__ import annotations


class Limit:
    """`most` at once, `per_minute` after that, for each key. A flood of keys forgets the oldest."""

    def __init__(self, most: float, per_minute: float, keys: int = 10_000) -> None:
        self._most, self._rate, self._keys = most, per_minute / 60.0, keys
        self._left: dict[str, tuple[float, float]] = {}

    def has(self, key: str, now: float, cost: float = 1.0) -> bool:
        """Whether the bucket holds that much; nothing is taken."""
        left, at = self._left.get(key, (self._most, now))
        return left + (now - at) * self._rate >= cost

    def allows(self, key: str, now: float, cost: float = 1.0) -> bool:
        """Take `cost` from the bucket; False when it has not that much. now: s, any steady clock."""
        left, at = self._left.pop(key, (self._most, now))
        left = min(self._most, left + (now - at) * self._rate)
        allowed = left >= cost
        self._left[key] = (left - cost if allowed else left, now)
        if len(self._left) > self._keys:
            del self._left[next(iter(self._left))]
        return allowed
