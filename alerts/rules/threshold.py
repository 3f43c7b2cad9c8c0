"""A value has passed a level: too high or too low, with its own level to clear."""

from __future__ import annotations

from pydantic import Field, model_validator

from ioc.config.types import Model

Ref = float | str  # a number in the metric's unit, or "pack.level" of thresholds/*.toml


class Options(Model):
    """
    above or below: the level to raise at, a number in the metric's unit or "pack.level".
    clear: the level to clear at; or deadband: how far back it must come, in the metric's unit (never percent: it
    breaks at zero). Neither: it clears as soon as it is back.
    """

    above: Ref | None = None
    below: Ref | None = None
    clear: Ref | None = None
    deadband: float | None = Field(default=None, ge=0)

    @model_validator(mode="after")
    def _consistent(self) -> Options:
        if (self.above is None) == (self.below is None):
            raise ValueError("give either above or below")
        if self.clear is not None and self.deadband is not None:
            raise ValueError("give either clear or deadband")
        level, clear = self.above if self.above is not None else self.below, self.clear
        if isinstance(level, float) and isinstance(clear, float):
            check_sides(level, clear, self.direction)
        return self

    @property
    def direction(self) -> int:
        return 1 if self.above is not None else -1


def check_sides(level: float, clear: float, direction: int) -> None:
    """Raises ValueError where the alarm would clear before it is raised."""
    if (level - clear) * direction < 0:
        side = "below" if direction > 0 else "above"
        raise ValueError(f"clear {clear:g} must not be {'above' if direction > 0 else 'below'} {level:g}: write a level {side} it")
