"""Nothing in the audit can be changed unseen, whoever wrote it and whoever tries."""

from __future__ import annotations

import csv
import io
import json
import threading
import uuid
from datetime import datetime, timedelta

import psycopg
import pytest

from ioc import cli
from ioc.access import chain
from ioc.access.chain import Broken
from ioc.access.holder import Who
from ioc.errors import StoreError
from ioc.store import audit, audit_files, audit_read, backup, database, restore
from ioc.store.audit_read import Search

HOA = Who("Nguyễn Thị Hoa", "operator", "10.0.0.7")
HOSTILE = 'a"b\\c\u2028d\ne\x07f\x7f\u0085 <script>=1+1 \ud800 \0 😀'


def noted(conn, deed="alarm.acknowledge", subject="alarm:1", who=HOA, **sides):
    with conn.transaction():
        audit.note(conn, who, deed, subject, **sides)


def fill(conn, rows=5):
    for n in range(rows):
        noted(conn, subject=f"alarm:{n + 1}", before={"n": n}, after={"n": n + 1})


def verdict(conn, **how):
    with audit_read.still(conn):
        return audit_read.verify(conn, **how)


def rows(conn, **wanted):
    return audit_read.search(conn, Search(**wanted))


def by_hand(conn, statement):
    """As somebody who owns the server would: past every trigger."""
    conn.execute("SET session_replication_role = replica")
    conn.execute(statement)
    conn.execute("SET session_replication_role = origin")


def ioc(monkeypatch, capsys, url, *words):
    monkeypatch.setenv("IOC_DATABASE_URL", url)
    code = cli.main(["audit", *words])
    said = capsys.readouterr()
    return code, said.out + said.err


def test_python_recomputes_every_hash(either):
    conn = either
    since = audit_read.read_head(conn)
    sides = {
        "before": {"bb": 1.50, "a": None, "ă": [1e22, -0.0, 1e-7, True], "aé": {"": "\x1f\t"}},
        "after": [HOSTILE, 2**70, {}],
    }
    noted(conn, subject=HOSTILE, who=Who(HOSTILE, "operator", "::1"), **sides)
    noted(conn, "logout", "x")
    found = verdict(conn, since=since)
    assert (found.broken, found.rows) == (None, 2)


def test_a_file_of_it_is_followed_without_a_database(conn, tmp_path):
    noted(
        conn, subject=HOSTILE, before={"b": 1.50, "aa": [1e22, 1e-7, 0.1]}, after={"é": HOSTILE, "long": {"k": 2**62}}
    )
    fill(conn)
    with conn.transaction():
        lines = [chain.line(row, previous).encode() for row, previous in audit_read.stream(conn, Search())]
    assert audit_files.follow(lines) == (6, 0, None, audit_read.read_head(conn))
    assert audit_files.follow(lines[1:3] + lines[4:]).gaps == 2
    for wrong, line in ((lines[2].replace(b'"n": 1}', b'"n": 7}'), 3), (lines[3], 3), (b"x", 3), (b"[]", 3)):
        assert audit_files.follow([*lines[:2], wrong, *lines[2:]]).wrong[0] in (line, line + 1)
    other = json.loads(lines[3]) | {"previous": "ab" * 32}
    text = chain.parse(json.dumps(other))[0].text
    forged = json.dumps(other | {"hash": chain.linked("ab" * 32, text)}).encode()
    assert "does not follow" in audit_files.follow([*lines[:3], forged]).wrong[1]


def test_what_is_rolled_back_leaves_nothing_and_no_gap(conn):
    fill(conn, 1)
    with conn.transaction(force_rollback=True):
        audit.note(conn, HOA, "alarm.reset", "alarm:1")
    with conn.transaction():
        audit.note(conn, HOA, "alarm.shelve", "alarm:1")
        with conn.transaction(force_rollback=True):
            audit.note(conn, HOA, "alarm.reset", "alarm:1")
        audit.note(conn, HOA, "alarm.comment", "alarm:1")
    assert [(r.id, r.deed) for r in rows(conn)] == [(3, "alarm.comment"), (2, "alarm.shelve"), (1, "alarm.acknowledge")]
    assert verdict(conn).broken is None
    assert conn.execute("SELECT count(*) FROM audit_pending").fetchone() == (0,)


REFUSED = [
    "UPDATE audit SET who = 'x'", "DELETE FROM audit", "TRUNCATE audit", "UPDATE audit_head SET id = 1",
    "TRUNCATE audit_head", "DELETE FROM audit_head",
    "INSERT INTO audit SELECT 1 - id, now(), '', '', '', 'x', '', NULL, NULL, hash FROM audit ORDER BY id LIMIT 1",
]  # fmt: skip


def test_it_is_append_only(either):
    noted(either)
    for statement in REFUSED:
        with pytest.raises(psycopg.errors.RaiseException, match="append-only"):
            either.execute(statement)


COPIED = "at, who, role, address, deed, subject, before, after, hash FROM audit WHERE id = 5"
TAMPERED = {
    "UPDATE audit SET who = 'Nobody' WHERE id = 3": Broken("changed", 3, 3),
    "UPDATE audit SET after = '{\"n\": 4}' WHERE id = 3": Broken("changed", 3, 3),
    "UPDATE audit SET at = at + interval '1 us' WHERE id = 3": Broken("changed", 3, 3),
    "UPDATE audit SET before = NULL WHERE id = 1": Broken("changed", 1, 1),
    "DELETE FROM audit WHERE id IN (3, 4)": Broken("missing", 3, 4),
    "DELETE FROM audit WHERE id = 1": Broken("missing", 1, 1),
    "DELETE FROM audit WHERE id > 3": Broken("missing", 4, 5),
    "DELETE FROM audit": Broken("missing", 1, 5),
    "DELETE FROM audit WHERE id = 3; UPDATE audit SET id = id - 1 WHERE id > 3": Broken("changed", 3, 3),
    "UPDATE audit SET id = id - 9 WHERE id IN (3, 4); UPDATE audit SET id = -2 - id WHERE id < 0": Broken(
        "changed", 3, 3
    ),
    f"INSERT INTO audit SELECT 6, {COPIED}": Broken("added", 6, 6),
    f"INSERT INTO audit SELECT 0, {COPIED}": Broken("added", 0, 0),
    "UPDATE audit_head SET hash = decode(repeat('ab', 32), 'hex')": Broken("changed", 5, 5),
    "UPDATE audit_head SET id = 3": Broken("changed", 3, 3),
}


def test_what_was_done_past_the_triggers_is_found(conn):
    fill(conn)
    for statement, broken in TAMPERED.items():
        with conn.transaction(force_rollback=True):
            conn.execute("SET LOCAL session_replication_role = replica")
            conn.execute(statement)
            assert audit_read.verify(conn).broken == broken, statement
    assert verdict(conn).broken is None


def test_a_tail_that_was_cut_with_its_end_is_found_by_a_hash_kept_elsewhere(conn, database_url, monkeypatch, capsys):
    fill(conn)
    kept = audit_read.read_head(conn).hash
    early = rows(conn)[3].hash
    by_hand(conn, "DELETE FROM audit WHERE id > 3")
    by_hand(conn, "UPDATE audit_head SET (id, hash) = (SELECT id, hash FROM audit WHERE id = 3)")
    noted(conn, "logout", "x")
    assert verdict(conn).broken is None, "nothing in the database itself tells"
    assert verdict(conn, head=early).known
    assert not verdict(conn, head=kept).known
    code, said = ioc(monkeypatch, capsys, database_url, "verify", "--head", kept[:16])
    assert (code, "IS NOT IN THE CHAIN" in said, "What to do" in said) == (1, True, True)
    assert ioc(monkeypatch, capsys, database_url, "verify", "--head", early.upper())[0] == 0


def test_the_end_that_was_taken_away_is_told_and_work_goes_on(conn):
    fill(conn, 2)
    by_hand(conn, "DELETE FROM audit_head")
    with pytest.raises(StoreError, match="taken away"):
        verdict(conn)
    noted(conn, "logout", "x")
    assert (verdict(conn).broken, rows(conn)[0].id) == (None, 3)


def test_a_look_goes_on_where_the_last_one_ended(conn):
    fill(conn, 5)
    first = verdict(conn, most=2)
    assert (first.rows, first.mark.id, first.broken) == (2, 2, None)
    rest = verdict(conn, since=first.mark)
    assert (rest.rows, rest.mark) == (3, audit_read.read_head(conn))
    by_hand(conn, "UPDATE audit SET hash = decode(repeat('ab', 32), 'hex') WHERE id = 2")
    assert verdict(conn, since=first.mark).broken == Broken("changed", 2, 2)


def test_many_writers_make_one_chain_and_none_waits_for_a_long_transaction(conn, database_url):
    """A slow transaction with notes in it holds nobody up before its commit."""
    with database.connect(database_url) as slow:
        audit.note(slow, HOA, "alarm.acknowledge", "alarm:1")

        def write(number):
            with database.connect(database_url, autocommit=True) as own:
                for n in range(20):
                    noted(own, subject=f"{number}:{n}")

        threads = [threading.Thread(target=write, args=(n,)) for n in range(6)]
        [thread.start() for thread in threads]
        [thread.join(60) for thread in threads]
        assert conn.execute("SELECT count(*) FROM audit").fetchone() == (120,), "they did not wait"
        slow.commit()
    assert (verdict(conn).rows, verdict(conn).broken, rows(conn)[0].subject) == (121, None, "alarm:1")


def test_secrets_are_left_out_and_what_is_long_is_summed_up(conn):
    noted(conn, after={"password": "hunter2", "list": [{"TOTP_secret": "x", "name": "y"}], "token": "ioc_1", "has_secret": True,
                       "code": "12"})  # fmt: skip
    noted(conn, after={"text": "x" * 200_000})
    long, short = rows(conn)
    assert json.loads(short.after) == {"password": "•••", "list": [{"TOTP_secret": "•••", "name": "y"}], "token": "•••",
                                       "has_secret": True, "code": "•••"}  # fmt: skip
    assert json.loads(long.after)["too_long"] > 200_000
    assert len(long.after) < 3000
    with pytest.raises(ValueError, match=r"noun\.verb"):
        noted(conn, "Hoa did it")


def test_what_is_noted_is_one_line_each(conn):
    noted(conn, subject="a\nINFO forged\r\n\x1b[31m" + "x" * 999, who=Who("\tHoa\u2028", "operator", "1.2.3.4\n"))
    [row] = rows(conn)
    assert (row.who, row.address) == ("Hoa", "1.2.3.4")
    assert row.subject.startswith("a INFO forged [31mx")
    assert len(row.subject) == 300


def test_searching(conn):
    noted(conn, "login.refused", "person:hoa_1", who=Who("hoa_1", "", "10.9.9.9"))
    noted(conn, "login.done", "person:hoax1", who=Who("Hoax1", "viewer", "10.9.9.9"))
    noted(conn, "feed.accept", "feed:water", after={"toml": 'Key = "100%"'})
    found = {name: [r.id for r in rows(conn, **{name: said})] for name, said in {
        "who": "HOA_", "deed": "login.", "subject": "Person:", "text": "100%"}.items()}  # fmt: skip
    assert found == {"who": [1], "deed": [2, 1], "subject": [2, 1], "text": [3]}
    at = rows(conn)[1].at
    assert [r.id for r in rows(conn, since=at)] == [3, 2]
    assert [r.id for r in rows(conn, until=at)] == [1]
    assert [r.id for r in rows(conn, before=3, deed="login")] == [2, 1]
    assert audit_read.deeds(conn) == ["feed.accept", "login.done", "login.refused"]
    assert audit_read.page(conn, Search(), 2)[1]


def test_verify_at_a_terminal(conn, database_url, monkeypatch, capsys):
    def run(*words):
        return ioc(monkeypatch, capsys, database_url, *words)

    assert run("verify")[0] == 0
    fill(conn)
    code, said = run("verify")
    assert (code, f"5 rows\nnewest hash: {rows(conn)[0].hash}" in said) == (0, True)
    assert json.loads(run("verify", "--json")[1])["whole"]
    by_hand(conn, "UPDATE audit SET deed = 'x' WHERE id = 4")
    code, said = run("verify")
    assert (code, "row 4 changed" in said, "rows 1 to 3 are as they were written" in said, "ioc restore" in said) == (
        1,
        *[True] * 3,
    )
    assert json.loads(run("verify", "--json")[1])["broken"] == {"fault": "changed", "first": 4, "last": 4}


def test_search_and_export_at_a_terminal(conn, database_url, monkeypatch, capsys, tmp_path):
    def run(*words):
        return ioc(monkeypatch, capsys, database_url, *words)

    noted(conn, subject="=cmd|' /C calc'!A0", after={"note": "[bold]x[/bold]"})
    fill(conn, 2)
    assert "[bold]x[/bold]" in run("search", "--subject", "=cmd")[1], "no markup of the terminal"
    assert json.loads(run("search", "--json", "--limit", "1")[1])["subject"] == "alarm:2"
    code, said = run("search", "--deed", "alarm.acknowlegde")
    assert (code, "alarm.acknowledge" in said) == (0, True)
    assert run("search", "--since", "1h", "--until", "2026-01-01")[0] == 1
    lines, table = tmp_path / "a.jsonl", tmp_path / "a.csv"
    assert run("export", "--out", str(lines))[0] == 0
    assert (run("verify", "--file", str(lines))[0], rows(conn)[0].deed) == (0, "export.take")
    assert run("export", "--out", str(table), "--subject", "=")[0] == 0
    head, row = csv.reader(io.StringIO(table.read_text("utf-8-sig")))
    assert dict(zip(head, row, strict=True))["subject"].startswith("'=cmd")
    lines.write_text(lines.read_text().replace("operator", "Operator", 1))
    code, said = run("verify", "--file", str(lines))
    assert (code, "line 1" in said) == (1, True)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["verify", "--head", "xyz"], "is no hash"), (["verfy"], "did you mean verify?"), (["search", "--sinc", "7d"], "did you mean --since"),
        (["search", "--since", "yesterday"], "is not a time"), (["search", "--limit", "-1"], "whole number"),
        (["export", "--out", "x.xlsx"], "end it in .jsonl or .csv"),
    ],
)  # fmt: skip
def test_what_is_mistyped_is_told(words, said, monkeypatch, capsys):
    code, told = ioc(monkeypatch, capsys, "postgresql://127.0.0.1:1/nowhere", *words)
    assert (code in (1, 2), said in told) == (True, True), told


@pytest.fixture
def empty_url(postgres):
    name, admin = f"e_{uuid.uuid4().hex[:12]}", postgres.url[: -len("/ioc")] + "/postgres"
    with psycopg.connect(admin, autocommit=True) as conn:
        conn.execute(f"CREATE DATABASE {name}")
    yield postgres.url[: -len("/ioc")] + f"/{name}"
    with psycopg.connect(admin, autocommit=True) as conn:
        conn.execute(f"DROP DATABASE {name} WITH (FORCE)")


def test_a_backup_keeps_the_chain_and_it_goes_on_from_there(conn, empty_url, tmp_path):
    noted(conn, subject=HOSTILE, after={"bb": 1.50, "a": HOSTILE})
    fill(conn)
    backup.save(conn, tmp_path / "b")
    with database.connect(empty_url, autocommit=True, purpose=database.WHOLE) as other:
        restore.load(other, tmp_path / "b")
        assert verdict(other, head=audit_read.read_head(conn).hash).known
        noted(other, "logout", "x")
        assert (verdict(other).rows, verdict(other).broken) == (7, None)
        with pytest.raises(StoreError, match="not empty"):
            restore.load(other, tmp_path / "b")
        with pytest.raises(psycopg.errors.RaiseException, match="append-only"):
            other.execute("DELETE FROM audit_head")


def test_times_are_exact(conn):
    noted(conn)
    [row] = rows(conn)
    assert chain.time(row.at).endswith("Z")
    assert datetime.fromisoformat(chain.time(row.at)) == row.at
    assert timedelta(0) <= conn.execute("SELECT clock_timestamp()").fetchone()[0] - row.at < timedelta(minutes=1)
