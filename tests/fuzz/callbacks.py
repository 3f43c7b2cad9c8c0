"""Every callback of the pages, called as a browser never would: wrong kinds, wrong names, deep, huge, not JSON at all."""

from __future__ import annotations

import json
import random
import time

from tests.fuzz.http import sound

DASH = "/_dash-update-component"
DEEP = json.loads("[" * 200 + "]" * 200)
VALUES = [None, True, 0, -1, 1, 10**30, 1e308, -0.0, "", "x", "0", "\0", "\ud800", "é" * 3000, "<img src=x onerror=1>", "../../etc/passwd",
          "' OR 1=1 --", "9999-12-31T23:59:59Z", "0001-01-01", "2026-02-30", "NaN", "{{7*7}}", [], [[]], [None], [1, "a", {}], {}, {"": 1},
          {"version": None}, {"version": "x", "forms": 3}, {"a": {"b": [{}]}}, list(range(5000)), DEEP, "?at=0001-01-01T00:00:00Z", "/alarms/99999999999999999999",
          "/rules/%00", {"props": {"children": "x"}, "type": "Script", "namespace": "dash_html_components"}, [{"prop_id": "x.y", "value": 1}]]  # fmt: skip
NO_NUMBERS = b'{"output": "x", "inputs": [{"id": "a", "property": "b", "value": NaN}]}'
BODIES = [b"", b"null", b"[]", b"{}", b"7", b'"x"', b"{", b"\xff\xfe\x00", b"[" * 100_000, b'{"a":' * 50_000, b'{"output": []}',
          b'{"output": {"a": 1}, "inputs": {}}', b'{"output": "nobody.children", "inputs": [], "changedPropIds": []}', NO_NUMBERS,
          b'{"output": "__proto__.x", "outputs": 1, "inputs": 2, "state": 3, "changedPropIds": 4}', b"x" * 1_900_000,
          b'{"inputs": ' + b"[" * 900 + b"]" * 900 + b', "output": "a.b"}']  # fmt: skip


def wired(served, headers) -> list[dict]:
    status, _, body = served.get("/_dash-dependencies", **headers)
    assert status == 200
    return [one for one in json.loads(body) if not one.get("clientside_function")]


def parts(wanted, value) -> list:
    """Inputs or states as a browser sends them; a pattern is a list of those that match it."""
    found = []
    for part in wanted:
        id_ = json.loads(part["id"]) if part["id"].startswith("{") else part["id"]
        if isinstance(id_, dict):
            named = {key: "x" if isinstance(said, list) else said for key, said in id_.items()}
            one = {"id": named, "property": part["property"], "value": value()}
            found.append([one, one] if ["ALL"] in id_.values() else one)
        else:
            found.append({"id": id_, "property": part["property"], "value": value()})
    return found


def body(entry: dict, value) -> dict:
    output = entry["output"]
    outputs = [dict(zip(("id", "property"), p.rsplit(".", 1), strict=True)) for p in output.strip(".").split("...")]
    inputs = parts(entry["inputs"], value)
    flat = [one for part in inputs for one in (part if isinstance(part, list) else [part])]
    return {"output": output, "outputs": outputs if output.startswith("..") else outputs[0], "inputs": inputs,
            "state": parts(entry["state"], value),
            "changedPropIds": [f"{one['id'] if isinstance(one['id'], str) else json.dumps(one['id'])}.{one['property']}" for one in flat[:1]]}  # fmt: skip


def broken(whole: dict, numbers: random.Random) -> dict:
    """One part of the envelope is not what it should be."""
    key = numbers.choice(list(whole))
    wrong = numbers.choice([None, [], {}, "x", 7, [None], [[]], [{"id": 1}], {"id": {}}, DEEP])
    gone = {k: v for k, v in whole.items() if k != key}
    return gone if numbers.random() < 0.3 else {**gone, key: wrong}


def post(served, headers, data: bytes, what: str, **more) -> int:
    sent = {"Origin": served.url, "Content_Type": "application/json", **headers, **more}
    began = time.monotonic()
    answer = served.get(DASH, data=data, **sent)
    sound(what, *answer, time.monotonic() - began)
    return answer[0]


def attack(served, headers, *, rounds: int, seed: int = 0) -> dict[int, int]:
    """Every callback `rounds` times with any values, and a broken envelope; statuses and how often."""
    numbers, seen = random.Random(seed), dict[int, int]()
    for entry in wired(served, headers):
        for n in range(rounds):
            one = numbers.choice(VALUES)
            whole = body(entry, (lambda: numbers.choice(VALUES)) if n % 2 else (lambda one=one: one))
            for sent in (whole, broken(whole, numbers)):
                status = post(
                    served, headers, json.dumps(sent).encode(), f"{entry['output'][:80]} {json.dumps(sent)[:1500]}"
                )
                seen[status] = seen.get(status, 0) + 1
    return seen


def not_json(served, headers) -> list[int]:
    """Bodies that are no callback's at all, under several names of their kind."""
    kinds = (
        "application/json",
        "application/json; charset=utf-16",
        "text/plain",
        "multipart/form-data; boundary=x",
        "",
    )
    return [
        post(served, headers, data, f"{kind} {data[:60]!r}", Content_Type=kind)
        for data in BODIES
        for kind in (kinds if len(data) < 1_000_000 else kinds[:1])  # one that is not read is cut off while it is sent
    ]
