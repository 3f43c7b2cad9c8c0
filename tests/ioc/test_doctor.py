"""`ioc doctor`: each check is made to fail, and mended; one that cannot look says so and the others go on."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import psycopg
import pytest
from argon2 import PasswordHasher

from ioc import cli
from ioc.access import passwords
from ioc.access.brokers import Hashes
from ioc.access.holder import Who
from ioc.access.rights import Role as Role_
from ioc.doctor import audit as audit_room
from ioc.doctor import broker, certificates, database, files, host, keys, packages, people, reach, settings, visit
from ioc.doctor.case import Case, Level, Unseen, note, serious, weak
from ioc.doctor.reach import Open, Place
from ioc.embedded.broker import Broker
from ioc.settings import Settings, address
from ioc.store import audit, displays, publishers, tokens
from ioc.store import people as store_people
from ioc.store.checkup import Role
from ioc.store.people import Person
from tests import services
from tests.ioc.doctor_parts import certificate, server

NOW = datetime.now(UTC)
SECRET = "f3a9c7e1b5d8420697ab3cde81f24057"


def case(**given):
    """A case; settings are given by their names, the rest as Case has it."""
    own = {k: given.pop(k) for k in ("conn", "outside", "data", "city", "backup", "files", "pids", "now") if k in given}
    return Case(settings=Settings(**given), now=own.pop("now", NOW), **own)


def found(check, given):
    """{about: level} of what one check finds."""
    return {one.about: one.level for one in check(given)}


@pytest.fixture
def open_folder():
    """A folder that everybody may look into, as pytest's own is not."""
    folder = Path(tempfile.mkdtemp(prefix="ioc-doctor-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


# Settings.


def test_a_secret_is_there_and_cannot_be_guessed():
    assert found(settings.secret, case()) == {"settings.secret_missing": Level.WEAK}
    assert found(settings.secret, case(data=Path("/up"))) == {}, "`ioc up` makes one"
    for short in ("a" * 40, "change-me-change", "1234567890123456"):
        assert found(settings.secret, case(secret=short)) == {"settings.secret_short": Level.SERIOUS}
    assert found(settings.secret, case(secret=SECRET)) == {}


def test_an_open_door_is_worse_where_others_reach_it():
    assert found(settings.auth, case(auth="open")) == {"settings.auth_open": Level.WEAK}
    assert found(settings.auth, case(auth="open", http_host="0.0.0.0")) == {"settings.auth_open": Level.SERIOUS}
    assert found(settings.auth, case(auth="proxy")) == {"settings.auth_proxy": Level.SERIOUS}
    assert found(settings.auth, case(auth="proxy", proxy="10.0.0.1")) == {}
    assert found(settings.auth, case()) == {}


def test_a_first_password_is_to_be_taken_away():
    assert found(settings.password, case(password="x")) == {"settings.password_left": Level.NOTE}
    assert found(settings.password, case()) == {}


def test_links_in_plain_are_serious_but_on_this_machine():
    assert found(settings.base_url, case(base_url="http://ioc.example.org")) == {
        "settings.base_url_plain": Level.SERIOUS
    }
    for fine in ("https://ioc.example.org", "http://127.0.0.1:8050", "http://[::1]:8050", "http://localhost", ""):
        assert found(settings.base_url, case(base_url=fine)) == {}


def test_a_provider_in_plain_or_that_makes_everybody_administrator():
    assert found(settings.provider, case(oidc_issuer="http://id.example.org")) == {"settings.oidc_plain": Level.SERIOUS}
    assert found(settings.provider, case(oidc_roles="*=administrator")) == {"settings.oidc_everybody": Level.SERIOUS}
    assert (
        found(settings.provider, case(oidc_issuer="https://id.example.org", oidc_roles="g:a=manager, *=viewer")) == {}
    )


def test_a_list_of_stolen_passwords_is_missed_where_people_choose_theirs():
    assert found(settings.breached, case()) == {"settings.breached": Level.NOTE}
    assert found(settings.breached, case(breached="/x")) == {}
    assert found(settings.breached, case(oidc_issuer="https://id.example.org")) == {}


def test_what_leaves_this_machine_in_plain():
    assert found(settings.plain, case(broker_url="mqtt://ioc:x@broker.example.org")) == {
        "settings.broker_plain": Level.SERIOUS
    }
    assert found(settings.plain, case(smtp_url="smtp://mail.example.org")) == {"settings.mail_plain": Level.WEAK}
    assert found(settings.plain, case(smtp_url="smtp://a:b@mail.example.org")) == {"settings.mail_plain": Level.SERIOUS}
    fine = case(broker_url="mqtts://ioc:x@broker.example.org", smtp_url="smtp+starttls://a:b@mail.example.org")
    assert found(settings.plain, fine) == {}
    assert found(settings.plain, case(broker_url="mqtt://127.0.0.1", smtp_url="smtp://localhost:25")) == {}


# Reach. 127.0.0.2 stands for an address that others reach: what listens on 127.0.0.1 does not answer there.

OUTSIDE = ("127.0.0.2",)


def test_screens_that_others_reach_in_plain_are_found_and_closed_ones_not():
    with server(host="0.0.0.0") as wide, server(host="127.0.0.1") as narrow:
        assert found(reach.listening, case(http_port=wide, outside=OUTSIDE)) == {"reach.web": Level.SERIOUS}
        assert found(reach.listening, case(http_port=narrow, outside=OUTSIDE)) == {}
        beside = case(http_port=wide, outside=OUTSIDE, proxy="127.0.0.1")
        assert found(reach.listening, beside) == {"reach.web_beside": Level.WEAK}


@pytest.mark.parametrize(
    ("kind", "url", "level", "with_tls"),
    [
        ("mqtt", "mqtts://u:p@127.0.0.1:{}", Level.SERIOUS, {}),
        ("postgresql", "postgresql://u:p@127.0.0.1:{}/ioc", Level.SERIOUS, {"reach.postgresql_tls": Level.NOTE}),
        ("smtp", "smtp+starttls://127.0.0.1:{}", Level.WEAK, {}),
    ],
)
def test_what_others_reach_with_tls_is_not_what_they_reach_in_plain(tmp_path, kind, url, level, with_tls):
    pem = certificate(tmp_path, NOW)
    name = {"mqtt": "broker_url", "postgresql": "database_url", "smtp": "smtp_url"}[kind]
    with server(kind, host="0.0.0.0") as plain, server(kind, host="0.0.0.0", pem=pem) as tls:
        closed = {"outside": OUTSIDE, "http_port": services.free_port()}
        assert found(reach.listening, case(**{name: url.format(plain)}, **closed)) == {f"reach.{kind}": level}
        assert found(reach.listening, case(**{name: url.format(tls)}, **closed)) == with_tls


def test_a_health_port_that_others_reach_is_weak():
    with server(host="0.0.0.0") as port:
        given = {"http_port": services.free_port(), "health_port": port, "outside": OUTSIDE}
        assert found(reach.listening, case(**given)) == {"reach.health": Level.WEAK}
        assert found(reach.listening, case(**given | {"outside": ()})) == {}, "a machine without a network"


def test_where_the_processes_of_up_listen_is_seen_whatever_they_were_told():
    with server(host="0.0.0.0") as port:
        given = case(http_port=services.free_port(), outside=OUTSIDE, pids={"simulate": os.getpid(), "gone": 2**22 - 1})
        (one,) = [f for f in reach.listening(given) if str(port) in f.what]
        assert (one.about, one.level) == ("reach.part", Level.WEAK)
        assert "simulate" in one.what


def test_servers_elsewhere_are_not_ours_to_reach():
    given = case(database_url="postgresql://u:p@192.0.2.1,192.0.2.2/ioc", broker_url="mqtt://192.0.2.3")
    assert [p.kind for p in reach.places_of(given)] == ["web"]
    near = case(database_url="postgresql:///ioc", broker_url="mqtt://192.0.2.3", outside=("192.0.2.3",))
    assert [p.kind for p in reach.places_of(near)] == ["web", "mqtt"]


def test_one_place_is_told_once_with_all_its_addresses():
    place = Place("dashboards", "web", "0.0.0.0", 8050)
    (one,) = reach.judge([Open(place, a, False) for a in ("192.0.2.1", "2001:db8::1")], proxied=False)
    assert "192.0.2.1, 2001:db8::1 port 8050" in one.what


# Certificates.


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        (-1, {"certificates.web_expired": Level.SERIOUS}),
        (3, {"certificates.web_soon": Level.SERIOUS}),
        (20, {"certificates.web_soon": Level.WEAK}),
        (60, {}),
    ],
)
def test_a_certificate_that_ends_is_told_in_time(tmp_path, days, expected):
    pem = certificate(tmp_path, NOW, days=days, issuer="Some Authority")
    assert found(certificates.filed, case(tls_cert=str(pem))) == expected


def test_a_self_made_certificate_is_for_trials(tmp_path):
    own, local = certificate(tmp_path, NOW), certificate(tmp_path, NOW, name="x", issuer="IOC local CA box")
    for pem in (own, local):
        assert found(certificates.filed, case(tls_cert=str(pem))) == {"certificates.web_self_made": Level.WEAK}
    assert found(certificates.filed, case(broker_ca=str(own))) == {}, "an authority always signs itself"
    (tmp_path / "tls").mkdir()
    shutil.copy(local, tmp_path / "tls" / "web.pem")
    assert found(certificates.filed, case(data=tmp_path, tls_cert="local")) == {}


def test_a_file_that_is_no_certificate_is_told(tmp_path):
    (tmp_path / "x.pem").write_text("-----BEGIN CERTIFICATE-----\nnothing\n")
    for path in ("x.pem", "absent.pem"):
        assert found(certificates.filed, case(tls_cert=str(tmp_path / path))) == {
            "certificates.unreadable": Level.SERIOUS
        }


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        ("web", {"base_url": "https://localhost:{}"}),
        ("mqtt", {"broker_url": "mqtts://localhost:{}"}),
        ("postgresql", {"database_url": "postgresql://u@localhost:{}/ioc?sslmode=require"}),
        ("smtp", {"smtp_url": "smtp+starttls://localhost:{}"}),
        ("smtps", {"smtp_url": "smtps://localhost:{}"}),
        ("oidc", {"oidc_issuer": "https://localhost:{}"}),
    ],
)
def test_what_each_server_shows_is_looked_at(tmp_path, kind, given):
    pem = certificate(tmp_path, NOW, days=10, issuer="Nobody")
    with server(kind, pem=pem) as port:
        seen = found(certificates.served, case(**{k: v.format(port) for k, v in given.items()}))
    name = "mail" if kind.startswith("smtp") else kind
    assert seen == {f"certificates.{name}_soon": Level.WEAK, f"certificates.{name}_doubt": Level.SERIOUS}


def test_a_certificate_that_its_authority_vouches_for_is_fine(tmp_path):
    pem = certificate(tmp_path, NOW)
    given = {"broker_ca": str(pem)}
    with server("mqtt", pem=pem) as port:
        assert found(certificates.served, case(broker_url=f"mqtts://localhost:{port}", **given)) == {
            "certificates.mqtt_self_made": Level.WEAK
        }
        wrong = found(certificates.served, case(broker_url=f"mqtts://127.0.0.1:{port}", **given))
        assert wrong["certificates.mqtt_doubt"] == Level.SERIOUS, "it is made out for another name"


def test_a_server_that_is_away_or_speaks_no_tls_is_a_note():
    away = case(base_url=f"https://127.0.0.1:{services.free_port()}")
    assert found(certificates.served, away) == {"certificates.web_unseen": Level.NOTE}
    with server("postgresql") as port:
        plain = case(database_url=f"postgresql://u@127.0.0.1:{port}/x?sslmode=require")
        assert found(certificates.served, plain) == {"certificates.postgresql_unseen": Level.NOTE}


# The database.


def test_the_way_to_the_database_is_encrypted_and_sure():
    def way(url):
        return found(database.way, case(database_url=url))

    assert way("postgresql://u@db.example.org/ioc") == {"database.plain": Level.SERIOUS}
    assert way("postgresql://u@127.0.0.1,db2.example.org/ioc?sslmode=prefer") == {"database.plain": Level.SERIOUS}
    assert way("postgresql://u@db.example.org/ioc?sslmode=require") == {"database.unverified": Level.WEAK}
    assert way("postgresql://u@db.example.org/ioc?sslmode=verify-full") == {}
    assert way("postgresql://u@127.0.0.1:5432/ioc") == way("postgresql:///ioc") == way("") == {}


def test_a_database_that_trusts_anybody(conn, database_url, postgres):
    """Asked with a wrong password: the right one opens a sound database as well."""
    role, (was,) = f"r_{uuid.uuid4().hex[:10]}", conn.execute("SELECT current_user").fetchone()
    conn.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'right'")
    url = database_url.replace(f"{was}@", f"{role}:right@")
    given = case(database_url=url, conn=conn)
    assert found(database.anybody, given) == {"database.trust": Level.SERIOUS}
    hba = postgres.folder / "pg_hba.conf"
    before = hba.read_bytes()
    try:
        hba.write_bytes(f"host {url.rpartition('/')[2]} {role} 127.0.0.1/32 scram-sha-256\n".encode() + before)
        conn.execute("SELECT pg_reload_conf()")
        services.wait_for(lambda: found(database.anybody, given) == {}, "the server asks for a password")
        psycopg.connect(url).close()
    finally:
        hba.write_bytes(before)
        conn.execute(f"SELECT pg_reload_conf(); DROP ROLE {role}")


@pytest.fixture
def modest(conn, database_url):
    """A connection as a role that owns its database and nothing else; dropped afterwards."""
    name, role = database_url.rpartition("/")[2], f"r_{uuid.uuid4().hex[:10]}"
    (was,) = conn.execute("SELECT current_user").fetchone()
    conn.execute(f"CREATE ROLE {role} LOGIN; ALTER DATABASE {name} OWNER TO {role}")
    with psycopg.connect(database_url.replace(f"{was}@", f"{role}@"), autocommit=True) as own:
        yield role, own
    conn.execute(f"ALTER DATABASE {name} OWNER TO {was}; DROP OWNED BY {role}; DROP ROLE {role}")


def test_a_role_that_may_more_than_it_must(conn, modest):
    assert found(database.role, case(conn=conn)) == {"database.superuser": Level.WEAK}
    assert found(database.role, case(conn=conn, data=Path("/up"))) == {"database.superuser": Level.NOTE}
    role, own = modest
    assert found(database.role, case(conn=own)) == {}
    conn.execute(
        f"ALTER ROLE {role} CREATEROLE; GRANT pg_read_server_files TO {role}; GRANT CREATE ON SCHEMA public TO PUBLIC"
    )
    assert found(database.role, case(conn=own)) == {
        "database.files": Level.SERIOUS, "database.role": Level.WEAK, "database.public": Level.WEAK
    }  # fmt: skip
    conn.execute(
        f"ALTER ROLE {role} NOCREATEROLE; REVOKE pg_read_server_files FROM {role}; REVOKE CREATE ON SCHEMA public FROM PUBLIC"
    )
    assert found(database.role, case(conn=own)) == {}


def test_a_role_that_owns_other_databases():
    role = Role("r", superuser=False, may=[], others=["payroll"], files=False, public_create=False, encrypted=True)
    assert [f.about for f in database.judge_role(role, embedded=False)] == ["database.others"]
    assert list(database.judge_role(role._replace(others=[]), embedded=False)) == []


def test_a_schema_of_another_version(conn):
    assert found(database.schema, case(conn=conn)) == {}
    conn.execute("DELETE FROM schema_step WHERE name = 'views'")
    assert found(database.schema, case(conn=conn)) == {"database.schema": Level.WEAK}
    conn.execute("INSERT INTO schema_step (name, digest) VALUES ('tables/999_future', 'x')")
    assert found(database.schema, case(conn=conn)) == {"database.too_new": Level.SERIOUS}


def test_clocks_that_differ(conn):
    assert found(database.clock, case(conn=conn)) == {}
    for seconds, level in ((4, None), (-6, Level.WEAK), (31, Level.SERIOUS)):
        told = [f.level for f in database.judge_clock(timedelta(seconds=seconds))]
        assert told == ([level] if level is not None else [])


def test_the_last_backup_is_known_by_the_audit_or_by_its_file(conn, tmp_path):
    assert found(database.backup, case(conn=conn)) == {"database.no_backup": Level.WEAK}
    with conn.transaction():
        audit.note(conn, Who("lan", address="terminal"), "backup.take", "a.zip")
    assert found(database.backup, case(conn=conn, now=datetime.now(UTC))) == {}
    late = datetime.now(UTC) + timedelta(days=3)
    assert found(database.backup, case(conn=conn, now=late)) == {"database.backup": Level.WEAK}
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "old.zip").touch()
    os.utime(tmp_path / "b" / "old.zip", (late.timestamp(),) * 2)
    assert found(database.backup, case(conn=conn, now=late, backup=tmp_path)) == {}
    assert found(database.backup, case(now=late, backup=tmp_path / "absent")) == {"database.no_backup": Level.WEAK}


# The broker.


@pytest.mark.mosquitto
def test_a_broker_that_lets_anybody_in(tmp_path):
    closed = tmp_path / "passwd"
    closed.write_text("")
    (tmp_path / "acl").write_text("topic read x\n")
    brokers = [services.Mosquitto(tmp_path / "open"),
               services.Mosquitto(tmp_path / "mute", f"acl_file {tmp_path}/acl"),
               services.Mosquitto(tmp_path / "shut", "allow_anonymous false", f"password_file {closed}")]  # fmt: skip
    try:
        wide, mute, shut = [f"mqtt://127.0.0.1:{b.start().port}" for b in brokers]
        assert found(broker.strangers, case(broker_url=wide)) == {"broker.anonymous": Level.SERIOUS}
        assert found(broker.strangers, case(broker_url=wide, auth="open")) == {"broker.anonymous": Level.WEAK}
        assert found(broker.strangers, case(broker_url=shut)) == {}
        tried = broker.try_(address(mute, {"mqtt": 1883}), "")
        assert tried == broker.Tried(anonymous=True, stranger=True, publishes=False)
        (told,) = broker.judge(tried, trial=False)
        assert "may connect" in told.what
    finally:
        for one in brokers:
            one.stop()


def test_the_nats_broker_is_asked_in_its_own_version(tmp_path):
    own = Broker("nats", tmp_path, services.free_port())
    own.start()
    try:
        assert found(broker.strangers, case(broker_url=own.url)) == {"broker.anonymous": Level.SERIOUS}
    finally:
        own.stop()


def test_a_broker_that_hangs_up_or_is_away():
    with server() as port:  # answers with what is no MQTT
        assert found(broker.strangers, case(broker_url=f"mqtt://127.0.0.1:{port}")) == {}
    for given in (case(), case(broker_url=f"mqtt://127.0.0.1:{services.free_port()}")):
        with pytest.raises(Unseen):
            list(broker.strangers(given))


# Files.


def test_a_file_with_a_secret_that_others_can_read(open_folder):
    file = open_folder / "secret"
    file.write_text("x")
    given = case(files={"IOC_SECRET_FILE": file, "IOC_PASSWORD_FILE": open_folder / "absent"})
    for mode, level in ((0o644, Level.SERIOUS), (0o622, Level.SERIOUS), (0o640, Level.WEAK)):
        file.chmod(mode)
        assert found(files.settings, given) == {"files.secret": level}
    file.chmod(0o600)
    assert found(files.settings, given) == {}
    file.chmod(0o644)
    open_folder.chmod(0o700)
    assert found(files.settings, given) == {}, "a closed folder keeps others out"


def test_a_data_folder_that_others_look_into(open_folder):
    for name in ("machine.json", "urls.json"):
        (open_folder / name).touch(mode=0o600)
    (open_folder / "machine.json").chmod(0o644)
    given = case(data=open_folder)
    assert found(files.data, given) == {"files.data": Level.WEAK, "files.secret": Level.SERIOUS}
    open_folder.chmod(0o700)
    assert found(files.data, given) == found(files.data, case()) == {}


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ('url = "https://me:hunter22@example.org/x"', "a password in an address"),
        ('[feed.options.headers]\nAuthorization = "Bearer abcdefgh"', "a password or key"),
        ('api_key: "0123456789"', "a password or key"),
        ("note = 'ioc_" + "A" * 43 + "'", "a token of IOC"),
        ("-----BEGIN EC PRIVATE KEY-----\nx", "a private key"),
    ],
)
def test_a_secret_in_a_city_folder_is_found_with_its_line(tmp_path, text, what):
    (tmp_path / "feeds").mkdir()
    (tmp_path / "feeds" / "x.toml").write_text("# a feed\n\n" + text + "\n")
    ((file, line, said),) = files.secrets_in(tmp_path)
    assert (file.name, line >= 3, said) == ("x.toml", True, what)
    (told,) = files.city(case(city=tmp_path))
    assert (told.level, told.about) == (Level.SERIOUS, "files.city")
    assert "hunter" not in told.what + told.remedy
    assert "A" * 43 not in told.what


def test_what_only_speaks_of_secrets_is_none(tmp_path):
    (tmp_path / "x.toml").write_text(
        'url = "https://{env:USER}:{env:PASS}@example.org"\nu = "https://me:{env:PASS}@example.org"\nAuthorization = "env:KEY"\n'
        '# password = "something"\nname = "password reset kiosk"\nping = "https://example.org:8080/@x"\n'
    )
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "y.toml").write_text('password = "hunter2222"')
    (tmp_path / "away.toml").symlink_to("/etc/passwd")
    assert list(files.city(case(city=tmp_path))) == []


def test_the_sample_city_holds_no_secret():
    from ioc.compose import sample_city

    assert list(files.city(case(city=Path(sample_city())))) == []


def test_many_secrets_are_counted(tmp_path):
    for n in range(7):
        (tmp_path / f"{n}.toml").write_text('password = "hunter2222"')
    assert [f.about for f in files.city(case(city=tmp_path))] == ["files.city"] * 5 + ["files.city_more"]


# The machine, packages, keys.


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["/opt/ioc/bin/python", "/opt/ioc/bin/ioc", "ingest", "/srv"], "ingest"),
        (["python3", "-m", "ioc", "alerts", "x"], "alerts"),
        (["/usr/bin/ioc", "dashboards"], "dashboards"),
        (["vim", "ioc", "ingest"], ""),
        (["python3", "-m", "ioc", "doctor"], ""),
        (["ioc"], ""),
        ([], ""),
    ],
)
def test_a_part_is_known_by_its_command_line(words, part):
    assert host.part_of(words) == part


def test_parts_that_run_as_root(monkeypatch):
    monkeypatch.setattr(host, "parts_here", dict)
    monkeypatch.setattr(host, "_is_root", lambda pid: pid == 1)
    assert found(host.root, case(pids={"ingest": 1, "alerts": 2})) == {"host.root": Level.WEAK}
    assert found(host.root, case(pids={"alerts": 2})) == {}


def test_known_advisories_are_told_with_the_better_version():
    bad = {"name": "glue", "version": "1.0", "vulns": [{"id": "PYSEC-1", "fix_versions": ["1.1"]}]}
    good = {"name": "tape", "version": "2.0", "vulns": []}
    skipped = {"name": "own", "skip_reason": "not found"}
    (told,) = packages.judge([bad, good, skipped])
    assert (told.level, "PYSEC-1" in told.what, "1.1" in told.remedy) == (Level.SERIOUS, True, True)
    assert list(packages.judge([good])) == []
    with pytest.raises(Unseen, match="no advisories here"):
        list(packages.judge([skipped]))


def test_without_pip_audit_or_its_data_it_says_so(monkeypatch):
    monkeypatch.setattr(packages, "find_spec", lambda _: None)
    with pytest.raises(Unseen, match="not installed"):
        list(packages.advisories(case()))
    monkeypatch.setattr(packages, "find_spec", lambda _: True)
    for said in ("", "{}", "[]", "no network"):
        monkeypatch.setattr(packages.subprocess, "run", lambda *_, said=said, **__: SimpleNamespace(stdout=said))
        with pytest.raises(Unseen):
            list(packages.advisories(case()))


def test_other_packages_than_locked():
    assert [f.about for f in packages.judge_lock({"a": "1", "b": "2"}, {"a": {"1"}})] == ["packages.lock"]
    assert list(packages.judge_lock({"a": "1"}, {"a": {"1", "2"}})) == []
    assert "dash" in packages.lock()


def test_tokens_that_nobody_uses_or_that_end(conn):
    who = Who("lan", address="terminal")
    _, secret = tokens.add(conn, "t", ["read"], who=who, days=366)
    given = case(conn=conn)
    assert found(keys.tokens, given) == {}
    conn.execute("UPDATE token SET created_at = now() - interval '100 days'")
    assert found(keys.tokens, given) == {"keys.token_unused": Level.WEAK}
    tokens.find(conn, secret)
    assert found(keys.tokens, given) == {}
    conn.execute("UPDATE token SET expires_at = now() + interval '10 days'")
    assert found(keys.tokens, given) == {"keys.token_soon": Level.NOTE}
    tokens.revoke(conn, "t", who=who)
    assert found(keys.tokens, given) == {}


# The visit as a whole.


def test_one_check_that_fails_keeps_no_other_from_looking():
    def broken(_):
        yield weak("a.first", "was found", "")
        raise ZeroDivisionError("nobody thought of it")

    def away(given):
        yield note(str(given.store), "", "")

    def blind(_):
        raise Unseen("it is dark")
        yield

    rooms = {"a": [broken, away], "b": [blind, lambda _: [note("b.note", "n", ""), serious("b.bad", "s", "r")]]}
    told = visit.look(case(), "gone", rooms)
    assert [f.about for f in told] == ["database.away", "b.bad", "a.broken.failed", "b.blind.unseen", "b.note"]


@pytest.fixture
def doctor(monkeypatch, capsys):
    """`ioc doctor words...` with these settings -> (exit code, output); only our own address is looked at."""
    monkeypatch.setattr(reach, "outside_addresses", lambda: OUTSIDE)
    monkeypatch.setattr(host, "parts_here", dict)

    def run(*words, **given):
        for name, value in given.items():
            monkeypatch.setenv(f"IOC_{name.upper()}", str(value))
        code = cli.main(["doctor", *words])
        return code, capsys.readouterr().out

    return run


def test_with_nothing_at_hand_it_says_what_it_could_not_look_at(doctor, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    code, said = doctor("--json", http_port=services.free_port())
    told = json.loads(said)
    assert (code, told["serious"]) == (1, 1)
    assert told["findings"][0]["about"] == "database.away"
    assert "no `ioc up` runs here" in told["findings"][0]["what"]


def test_the_database_away_the_rest_is_checked(doctor, tmp_path):
    (tmp_path / "x.toml").write_text('password = "hunter2222"')
    url = f"postgresql://ioc:pw-hidden@127.0.0.1:{services.free_port()}/ioc"
    code, said = doctor(str(tmp_path), "--json", database_url=url, http_port=services.free_port())
    abouts = [f["about"] for f in json.loads(said)["findings"]]
    assert code == 1
    assert {"database.away", "files.city"} <= set(abouts)
    assert "pw-hidden" not in said
    assert not any(about.startswith("keys") for about in abouts)


def test_a_sound_installation_exits_with_zero_and_says_the_worst_first(doctor, conn, database_url, modest, monkeypatch):
    monkeypatch.setattr("ioc.store.checkup.lets_in_anybody", lambda _: False)
    url = database_url.replace("ioc@", f"{modest[0]}@")
    conn.execute(f"GRANT ALL ON ALL TABLES IN SCHEMA public TO {modest[0]}")
    code, said = doctor(database_url=url, secret=SECRET, http_port=services.free_port())
    assert code == 0, said
    assert "SERIOUS" not in said
    lines = [line.split()[0] for line in said.splitlines() if line[:4] in {"WEAK", "NOTE"}]
    assert lines == sorted(lines, reverse=True)
    assert "0 serious" in said


def test_markup_and_control_characters_are_only_text(doctor, conn, database_url):
    tokens.add(conn, "[red]x[/red]", ["read"], who=Who("lan", address="terminal"))
    conn.execute("UPDATE token SET created_at = now() - interval '100 days'")
    said = doctor(database_url=database_url, http_port=services.free_port())[1]
    assert "[red]x[/red]" in said


# Accounts, publishers, displays, the audit.


def person(**given):
    own = {"name": "lan", "role": Role_.ADMINISTRATOR, "totp": b"x", "created_at": NOW, "seen_at": NOW}
    none = dict.fromkeys(Person._fields) | {"password": "", "issuer": "", "areas": (), "feeds": (), "recovery": 0}
    return Person(**none | own | given)


def told(*people_, others_ask=False):
    return {f.about: f.level for f in people.judge(people_, NOW, others_ask=others_ask)}


def test_nobody_who_can_log_in():
    assert told() == told(person(disabled_at=NOW)) == {"people.none": Level.WEAK}
    assert told(others_ask=True) == told(person()) == {}


def test_an_administrator_without_codes_is_weak_but_by_a_provider():
    assert told(person(totp=None)) == {"people.no_codes": Level.WEAK}
    assert told(person(totp=None, issuer="https://id.example.org")) == {}
    assert told(person(totp=None, role=Role_.MANAGER)) == {}


def test_many_administrators():
    assert told(*[person(name=f"p{n}") for n in range(6)]) == {"people.administrators": Level.WEAK}
    assert told(*[person(name=f"p{n}") for n in range(5)]) == {}


def test_accounts_that_nobody_uses():
    old = NOW - timedelta(days=100)
    assert told(person(seen_at=None, created_at=old)) == {"people.never": Level.WEAK}
    assert told(person(seen_at=old, created_at=old)) == {"people.unused": Level.WEAK}
    assert told(person(), person(disabled_at=old)) == {"people.disabled": Level.NOTE}
    assert told(person(locked_until=NOW + timedelta(hours=1))) == {"people.locked": Level.NOTE}
    assert told(person(locked_until=old)) == {}


def test_passwords_kept_as_they_once_were_and_links_that_are_open(conn):
    assert found(people.accounts, case(conn=conn, auth="open")) == {}
    who = Who("lan", address="terminal")
    with conn.transaction():
        weak_hash = PasswordHasher(time_cost=1, memory_cost=1024).hash("one two three four")
        lan = store_people.add(conn, who, store_people.New(name="lan", role=Role_.VIEWER, password=weak_hash))
    assert found(people.accounts, case(conn=conn)) == {"people.old_hash": Level.NOTE}
    with conn.transaction():
        store_people.set_password(conn, who, lan, passwords.hashed("one two three four"), NOW)
    assert found(people.accounts, case(conn=conn)) == found(people.links, case(conn=conn)) == {}
    with conn.transaction():
        store_people.link(conn, who, lan, datetime.now(UTC))
    (one,) = people.links(case(conn=conn))
    assert (one.about, "lan" in one.what) == ("people.links", True)
    conn.execute("UPDATE one_time SET used_at = now()")
    assert found(people.links, case(conn=conn)) == {}


def test_publishers_that_end_or_that_nobody_hears(conn):
    who = Who("lan", address="terminal")
    conn.execute("INSERT INTO feed (key, name) VALUES ('rain', '{}')")
    publishers.add(conn, who, "vendor", Hashes("$2b$x", "$7$x"), feeds=["rain"])
    given = case(conn=conn)
    assert found(keys.publishers, given) == {}
    conn.execute("UPDATE publisher SET created_at = now() - interval '100 days'")
    assert found(keys.publishers, given) == {"keys.publisher_unused": Level.WEAK}
    conn.execute("INSERT INTO feed_contact (feed_id, received_at) SELECT id, now() FROM feed WHERE key = 'rain'")
    assert found(keys.publishers, given) == {}
    conn.execute("UPDATE publisher SET expires_at = now() + interval '3 days'")
    assert found(keys.publishers, given) == {"keys.publisher_soon": Level.NOTE}
    publishers.revoke(conn, who, "vendor")
    assert found(keys.publishers, given) == {}


def test_displays_that_nobody_sees_or_approves(conn):
    assert found(keys.displays, case(conn=conn)) == {}
    assert displays.ask(conn, "192.0.2.1")
    assert found(keys.displays, case(conn=conn)) == {"keys.displays_waiting": Level.NOTE}
    conn.execute("DELETE FROM pairing")
    conn.execute(
        "INSERT INTO display (name, key, created_by, created_at) VALUES ('hall', sha256('k'), 'lan', now() - interval '91 days')"
    )
    assert found(keys.displays, case(conn=conn)) == {"keys.display_unused": Level.WEAK}
    conn.execute("UPDATE display SET seen_at = now()")
    assert found(keys.displays, case(conn=conn)) == {}


def test_an_audit_that_somebody_changed(conn):
    given = case(conn=conn)
    with conn.transaction():
        for n in range(5):
            audit.note(conn, Who("lan"), "person.add", f"p{n}")
    assert found(audit_room.chain, given) == {}
    conn.execute("SET session_replication_role = replica")
    conn.execute("UPDATE audit SET subject = 'nobody' WHERE id = 3")
    assert found(audit_room.chain, given) == {"audit.broken": Level.SERIOUS}
    conn.execute("UPDATE audit SET subject = 'p2' WHERE id = 3")
    assert found(audit_room.chain, given) == {}
    conn.execute("DELETE FROM audit WHERE id = 2")
    assert found(audit_room.chain, given) == {"audit.broken": Level.SERIOUS}
    conn.execute("DELETE FROM audit_head")
    assert found(audit_room.chain, given) == {"audit.broken": Level.SERIOUS}


def test_only_the_newest_part_of_a_long_audit_is_followed(conn, monkeypatch):
    monkeypatch.setattr(audit_room, "_ROWS", 3)
    with conn.transaction():
        for n in range(6):
            audit.note(conn, Who("lan"), "person.add", f"p{n}")
    conn.execute("SET session_replication_role = replica")
    conn.execute("UPDATE audit SET subject = 'nobody' WHERE id = 2")
    assert found(audit_room.chain, case(conn=conn)) == {}, "`ioc audit verify` follows all of it"
    conn.execute("UPDATE audit SET subject = 'nobody' WHERE id = 5")
    assert found(audit_room.chain, case(conn=conn)) == {"audit.broken": Level.SERIOUS}


def test_every_room_is_in_the_visit():
    rooms = {f.stem for f in Path(visit.__file__).parent.glob("*.py") if "CHECKS = (" in f.read_text()}
    assert set(visit.ROOMS) == rooms
