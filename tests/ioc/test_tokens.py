"""API tokens: shown once, kept as a hash, found while good, and nothing that resembles one gets in."""

from __future__ import annotations

import hashlib
import json

import pytest

from ioc import cli
from ioc.access.holder import Who
from ioc.access.rights import Right, Role, rights
from ioc.errors import StoreAway
from ioc.store import database, tokens
from ioc.store.tokens import TokenError

WHO = Who("lan", "administrator", "192.0.2.1")


@pytest.fixture
def ioc(database_url, monkeypatch, capsys):
    """`ioc words...` -> (exit code, standard output, standard error)."""
    monkeypatch.setenv("IOC_DATABASE_URL", database_url)

    def run(*words):
        code = cli.main(list(words))
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def add_feed(conn, key):
    conn.execute("INSERT INTO feed (key, name) VALUES (%s, '{}')", (key,))


def audited(conn):
    """(deed, subject, before, after) of all that was noted, oldest first."""
    return conn.execute("SELECT deed, subject, before, after FROM audit ORDER BY id").fetchall()


def test_a_token_stands_for_its_scopes_and_nothing_else(conn):
    made, secret = tokens.add(conn, "grafana", ["export"], who=WHO)
    holder = tokens.find(conn, secret, "192.0.2.7")
    assert holder is not None
    assert (holder.role, holder.name, holder.scopes, holder.person) == (Role.TOKEN, "grafana", ("export",), None)
    assert rights(holder.role, holder.scopes) == {Right.WALL, Right.LOOK, Right.EXPORT}
    assert (made.expires_at - made.created_at).days == 90
    assert secret.startswith(made.head)
    assert len(made.head) < len(secret) / 4


def test_a_token_beyond_its_scope_has_no_right(conn):
    _, secret = tokens.add(conn, "m", ["metrics"], who=WHO)
    assert rights(Role.TOKEN, tokens.find(conn, secret).scopes) == {Right.METRICS}
    conn.execute("UPDATE token SET scopes = '{everything}'")
    assert rights(Role.TOKEN, tokens.find(conn, secret).scopes) == frozenset(), "an unknown scope gives nothing"


def test_only_the_hash_is_kept(conn):
    _, secret = tokens.add(conn, "grafana", ["read"], who=WHO)
    (row,) = conn.execute("SELECT to_jsonb(t)::text FROM token t").fetchone()
    assert secret[10:] not in row
    assert secret.removeprefix("ioc_") not in row
    assert hashlib.sha256(secret.encode()).hexdigest() in row
    (noted,) = conn.execute("SELECT string_agg(a::text, ' ') FROM audit a").fetchone()
    assert "grafana" in noted
    assert secret[10:] not in noted


def test_a_token_ends_with_its_days(conn):
    _, secret = tokens.add(conn, "t", ["read"], who=WHO, days=1)
    conn.execute("UPDATE token SET created_at = now() - interval '2 days', expires_at = now() + interval '5 s'")
    assert tokens.find(conn, secret)
    conn.execute("UPDATE token SET expires_at = now()")
    assert tokens.find(conn, secret) is None
    assert [t.state(conn.execute("SELECT now()").fetchone()[0]) for t in tokens.every(conn)] == ["expired"]


def test_a_name_of_an_expired_token_can_be_given_again_and_that_of_a_good_one_cannot(conn):
    _, old = tokens.add(conn, "t", ["read"], who=WHO)
    with pytest.raises(TokenError, match="there is a token 't' already"):
        tokens.add(conn, "t", ["read"], who=WHO)
    conn.execute("UPDATE token SET created_at = now() - interval '2 days', expires_at = now() - interval '1 s'")
    _, new = tokens.add(conn, "t", ["read"], who=WHO)
    assert (tokens.find(conn, old), tokens.find(conn, new).name) == (None, "t")
    now = conn.execute("SELECT now()").fetchone()[0]
    assert [t.state(now) for t in tokens.every(conn)] == ["good", "expired"]


def test_a_revoked_token_opens_nothing(conn):
    _, secret = tokens.add(conn, "t", ["read"], who=WHO)
    gone = tokens.revoke(conn, "t", who=WHO)
    assert gone.state(gone.created_at) == "revoked"
    assert tokens.find(conn, secret) is None
    with pytest.raises(TokenError, match="no token is called 't'"):
        tokens.revoke(conn, "t", who=WHO)


def test_a_mistyped_name_gets_a_suggestion_that_is_still_good(conn):
    tokens.add(conn, "grafana", ["read"], who=WHO)
    with pytest.raises(TokenError, match="did you mean 'grafana'"):
        tokens.revoke(conn, "grafna", who=WHO)


def test_what_was_done_is_in_the_audit(conn):
    tokens.add(conn, "grafana", ["read", "metrics"], who=WHO, days=7)
    tokens.revoke(conn, "grafana", who=Who("minh", address="terminal"))
    added, revoked = audited(conn)
    assert added[:2] == ("token.add", "token:grafana")
    assert added[3]["scopes"] == ["read", "metrics"]
    assert revoked[:2] == ("token.revoke", "token:grafana")
    assert revoked[2]["scopes"] == ["read", "metrics"]


def test_a_refused_token_is_not_in_the_audit(conn):
    for wrong in ({"name": "\n"}, {"scopes": []}, {"scopes": ["root"]}, {"days": 0}, {"days": 367}, {"feeds": ["x"]}):
        given = {"name": "t", "scopes": ["read"]} | wrong
        with pytest.raises(TokenError):
            tokens.add(conn, given.pop("name"), given.pop("scopes"), who=WHO, **given)
    assert (tokens.every(conn), audited(conn)) == ([], [])


def test_a_feed_of_a_token_must_be_there(conn):
    add_feed(conn, "rain")
    with pytest.raises(TokenError, match="there is no feed 'rian': did you mean rain"):
        tokens.add(conn, "t", ["read"], who=WHO, feeds=["rian"])
    _, secret = tokens.add(conn, "t", ["read"], who=WHO, feeds=["rain", "rain"])
    bounds = tokens.find(conn, secret).bounds
    assert (bounds.reaches_feed("rain"), bounds.reaches_feed("river")) == (True, False)


def test_nothing_that_only_resembles_a_token_is_one(conn):
    _, secret = tokens.add(conn, "t", ["read"], who=WHO)
    forged = [
        "", "ioc_", secret[:-1], secret + "A", secret.upper(), secret.removeprefix("ioc_"), "IOC_" + secret[4:],
        "ioc_" + "A" * 43, "ioc_" + "A" * 10_000, secret + "\n", "\n" + secret, secret + "\0", "ioc_" + "é" * 43,
        "ioc_" + "٣" * 43, secret.replace("_", " ", 1), "' OR 1=1 --", "ioc_%" + "_" * 42, f"Bearer {secret}",
        hashlib.sha256(secret.encode()).hexdigest(), "\udcff" * 47,
    ]  # fmt: skip
    assert [text for text in forged if tokens.find(conn, text) is not None] == []
    assert tokens.find(conn, secret), "and the true one still opens"


def test_what_cannot_be_a_token_costs_the_database_nothing(database_url):
    with database.connect(database_url) as gone:
        pass
    assert tokens.find(gone, "ioc_" + "A" * 10_000) is None
    with pytest.raises(StoreAway):
        tokens.find(gone, "ioc_" + "A" * 43)


def test_its_last_use_is_written_once_a_minute(conn):
    _, secret = tokens.add(conn, "t", ["read"], who=WHO)

    def used():
        return conn.execute("SELECT used_at, used_from, xmin::text FROM token").fetchone()

    assert used()[:2] == (None, "")
    tokens.find(conn, secret, "192.0.2.7")
    first = used()
    assert first[1] == "192.0.2.7"
    tokens.find(conn, secret, "192.0.2.8")
    assert used() == first, "nothing is written for the second use of a minute"
    conn.execute("UPDATE token SET used_at = used_at - interval '61 s'")
    tokens.find(conn, secret, "2001:db8::1" + "x" * 100)
    assert used()[0] > first[0]
    assert len(used()[1]) == 64


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "a\x1b[31m", "a\0", "a" * 81, "\u202egnp", "a\u2028b", "\ud800"])
def test_a_name_that_hides_something_is_refused(conn, name):
    with pytest.raises(TokenError, match="a name has 1 to 80 characters that can be seen"):
        tokens.add(conn, name, ["read"], who=WHO)


def test_markup_and_letters_of_any_language_are_only_text(ioc, conn):
    for name in ("[red]x[/red]", "<script>alert(1)</script>", "Phường Mỹ Xuyên", "ສະຖານີ", "a'; DROP TABLE token; --"):
        assert ioc("tokens", "add", name, "--scope", "read")[0] == 0
        assert name in ioc("tokens", "list")[1]


def test_the_command_shows_a_token_once_and_only_it_on_standard_output(ioc, conn):
    code, out, err = ioc("tokens", "add", "grafana", "--scope", "read", "--scope", "export", "--days", "7")
    secret = out.strip()
    assert (code, tokens.find(conn, secret).scopes) == (0, ("read", "export"))
    assert secret not in err
    assert "It is not shown again" in err
    code, out, _ = ioc("tokens", "list")
    assert (code, secret in out, secret[:10] in out, "good" in out) == (0, False, True, True)
    (row,) = [json.loads(line) for line in ioc("tokens", "list", "--json")[1].splitlines()]
    assert (row["name"], row["state"], "digest" in row) == ("grafana", "good", False)
    assert ioc("tokens", "revoke", "grafana")[0] == 0
    assert tokens.find(conn, secret) is None
    assert "revoked" in ioc("tokens", "list")[1]


def test_the_command_says_what_is_wrong(ioc):
    assert ioc("tokens", "add", "t")[0] == 2
    assert "there are: read, export, metrics" in ioc("tokens", "add", "t", "--scope", "zzz")[2]
    assert "from 1 to 366" in ioc("tokens", "add", "t", "--scope", "read", "--days", "400")[2]
    code, _, err = ioc("tokens", "revoke", "t")
    assert (code, err) == (1, "ioc: no token is called 't'\n")
    assert "makes one" in ioc("tokens", "list")[1]


def test_a_backup_carries_tokens_that_still_open(conn):
    """The hash is all there is, so the copy of a store knows the same tokens."""
    from ioc.store import backup

    assert "token" in {t.name for t in backup.tables(conn)}
