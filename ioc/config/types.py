"""The small types that every part of a city folder shares."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Any, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer

_UNITS = {"ms": 0.001, "s": 1.0, "min": 60.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_DURATION = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(ms|s|min|m|h|d|w)\s*")


def parse_duration(value: Any) -> Any:
    """'90s', '5 min', '1h30min', '14d' -> timedelta. Raises ValueError that shows the forms."""
    if not isinstance(value, str):
        return value
    seconds, at = 0.0, 0
    while match := _DURATION.match(value, at):
        seconds += float(match[1]) * _UNITS[match[2]]
        at = match.end()
    if at == 0 or at != len(value):
        raise ValueError(f"not a duration: {value!r}; write 90s, 5min, 2h or 14d")
    return timedelta(seconds=seconds)


def _write_duration(value: timedelta) -> str:
    return f"{value.total_seconds():.6f}".rstrip("0").rstrip(".") + "s"


Duration: TypeAlias = Annotated[
    timedelta,
    BeforeValidator(parse_duration, json_schema_input_type=str),
    PlainSerializer(_write_duration, return_type=str),
]


def _as_text(value: Any) -> Any:
    return {"": value} if isinstance(value, str) else value


# Text in the city's languages: {"vi": "Mực nước", "en": "Water level"}, or one string for all of them (key "").
Text: TypeAlias = Annotated[dict[str, str], BeforeValidator(_as_text, json_schema_input_type=str | dict[str, str])]


def say(text: dict[str, str], language: str) -> str:
    """The text in `language`, else in English, else in whatever there is."""
    for key in (language, "", "en", "vi"):
        if key in text:
            return text[key]
    return next(iter(text.values()), "")


Key: TypeAlias = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_.-]*$", max_length=80)]


class Model(BaseModel):
    """Frozen, and an unknown key is a fault."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True, allow_inf_nan=False)
