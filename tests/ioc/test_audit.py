from __future__ import annotations

import hashlib

from ioc.access.holder import Who
from ioc.store import audit

SOMEBODY = Who("Nguyễn Thị Hoa", "operator", "10.0.0.7")


def test_a_note_is_chained(conn):
    with conn.transaction():
        audit.note(conn, SOMEBODY, "alarm.acknowledge", "alarm:1", before={"b": 1.50, "aa": None}, after={"x\n": "ă"})
        audit.note(conn, SOMEBODY, "logout", "x")
    text = "audit_text(id, at, who, role, address, deed, subject, before, after)"
    rows = conn.execute(f"SELECT id, hash, {text} FROM audit ORDER BY id").fetchall()
    before = "0" * 64
    for _, kept, text in rows:
        before = hashlib.sha256(f"{before}\n{text}".encode()).hexdigest()
        assert kept.hex() == before
    assert [r[0] for r in rows] == [1, 2]
