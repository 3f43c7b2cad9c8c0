"""The described addresses, asked with what fits their description and with what does not, by schemathesis."""

from __future__ import annotations

import json
import random
import time

import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as seeded
from schemathesis import GenerationMode

SLOW = 8.0  # seconds: more than any answer needs on a crowded machine
TRACES = (b"Traceback (most recent call last)", b'File "/', b"psycopg.", b"site-packages")
MODES = {"positive": GenerationMode.POSITIVE, "negative": GenerationMode.NEGATIVE}
# What a description does not think of, as it stands in an address.
HOSTILE = ("%00", "%ff%fe", "%ed%a0%80", "NaN", "Infinity", "-1", "1e400", "9" * 400, "0001-01-01", "9999-12-31",
           "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-02-30", "'%3B%20DROP%20TABLE%20reading--",
           "%7B%7B7*7%7D%7D", "%3Cscript%3E", "..%2f..%2fetc%2fpasswd", "%0d%0aSet-Cookie:%20a=b", "", "%", "[]",
           "x" * 30_000, "%F0%9F%92%A9" * 500, "true", "0x10", "1_0", "%E2%80%AE", "1" + "%20" * 3000)  # fmt: skip


def described(served, headers) -> dict:
    status, _, body = served.get("/api/openapi.json", **headers)
    assert status == 200, body[:200]
    return json.loads(body)


def sound(what: str, status: int, headers, body: bytes, seconds: float) -> None:
    """No answer says what went wrong inside, is late, or holds a header that was sent in."""
    assert status, f"{what}: no answer"
    assert status < 500 or status == 503, f"{what}: {status} {body[:300]!r}"
    assert not any(trace in body for trace in TRACES), f"{what}: {body[:2000]!r}"
    assert seconds < SLOW, f"{what} took {seconds:.1f} s"
    assert not [value for value in headers.get_all("set-cookie") or [] if value.startswith("a=")], what


def described_fit(served, headers, *, most: int, seed: int = 0) -> int:
    """Every operation with values that fit and values that do not; each answer is one that is described."""
    raw = {**described(served, headers), "security": []}
    for item in raw["paths"].values():
        item["get"]["security"] = []  # who asks is given; tests/dashboards/test_surface.py asks as everybody
    schema, asked = schemathesis.openapi.from_dict(raw), 0
    given_checks = [schemathesis.checks.CHECKS.get_one(name) for name in
                    ("not_a_server_error", "status_code_conformance", "content_type_conformance",
                     "response_schema_conformance")]  # fmt: skip
    for result in schema.get_all_operations():
        operation = result.ok()
        for mode in MODES.values() if operation.query else (GenerationMode.POSITIVE,):

            @seeded(seed)
            @settings(max_examples=most if operation.query else 1, deadline=None, database=None,
                      suppress_health_check=list(HealthCheck), phases=[Phase.generate])  # fmt: skip
            @given(case=operation.as_strategy(generation_mode=mode))
            def one(case) -> None:
                nonlocal asked
                asked += 1
                began = time.monotonic()
                answer = case.call(base_url=served.url, headers=headers, timeout=2 * SLOW)
                assert time.monotonic() - began < SLOW, case.as_curl_command()
                assert not any(trace in answer.content for trace in TRACES), case.as_curl_command()
                case.validate_response(answer, checks=given_checks)

            one()
    return asked


def addresses(schema: dict) -> list[tuple[str, list[str]]]:
    """(path, names of its parameters)."""
    return [(path, [p["name"] for p in item["get"].get("parameters", [])]) for path, item in schema["paths"].items()]


def hostile(served, headers, *, most: int, seed: int = 0) -> int:
    """Raw addresses: every hostile text in every parameter, twice the same one, and some that nobody knows."""
    numbers, asked = random.Random(seed), 0
    for path, names in addresses(described(served, headers)):
        wanted = [(name, text) for name in [*names, "nobody-knows"] for text in HOSTILE]
        for name, text in numbers.sample(wanted, min(most, len(wanted))):
            query = f"{name}={text}" + (f"&{name}={numbers.choice(HOSTILE)}" if numbers.random() < 0.3 else "")
            began = time.monotonic()
            answer = served.get(f"{path}?{query}", **headers)
            asked += 1
            sound(f"{path}?{query[:300]}", *answer, time.monotonic() - began)
    return asked
