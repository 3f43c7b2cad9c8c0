"""The parts of `ioc up` one by one; tests/test_end_to_end.py runs the whole."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest

from ioc import cli
from ioc.errors import StartError
from ioc.processes import lives
from ioc.settings import Settings
from ioc.store import database, people
from ioc.up import before, borrow, entry, folder
from ioc.up.child import Child, Spec
from ioc.up.folder import DataFolder
from ioc.up.supervisor import Stopped, Supervisor
from tests import services

SOUND = Path(__file__).parents[1] / "configs" / "sound"


@pytest.fixture
def data(tmp_path):
    found = DataFolder(tmp_path / "data")
    found.open_()
    yield found
    found.close()


def test_a_second_ioc_up_on_the_same_data_is_refused(data):
    with pytest.raises(StartError, match=rf"another `ioc up` \(process {os.getpid()}\) runs on .*--data"):
        DataFolder(data.path).open_()


def test_a_new_folder_is_for_its_owner_only(data):
    assert data.path.stat().st_mode & 0o077 == 0


def test_a_closed_folder_may_be_opened_again(data):
    data.close()
    again = DataFolder(data.path)
    again.open_()
    again.close()


def test_a_folder_of_a_newer_version_is_refused_with_what_to_do(data):
    data.write("version.json", {"layout": folder.LAYOUT + 1})
    data.close()
    with pytest.raises(StartError, match=r"newer version of IOC .*Upgrade IOC"):
        DataFolder(data.path).open_()


def test_a_full_disk_is_told_before_anything_starts(tmp_path, monkeypatch):
    monkeypatch.setattr(DataFolder, "free", lambda _: 123_000_000)
    with pytest.raises(StartError, match=r"nearly full: 123 MB free, 600 MB needed"):
        DataFolder(tmp_path / "data").open_()


def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StartError, match="cannot be written"):
        DataFolder(tmp_path / "file" / "data").open_()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_the_right_to_write_is_told(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(StartError, match=r"cannot be written: Permission denied.*--data"):
        DataFolder(tmp_path / "data").open_()


def test_a_folder_removed_under_us_ends_it_with_the_reason(data):
    keeper = Supervisor(data, lambda _: None)
    child = keeper.start(spec(data, "sleeper", "import time; time.sleep(600)"))
    try:
        shutil.rmtree(data.path)
        child.process.kill()
        with pytest.raises(StartError, match=r"the data folder .* was removed while it was in use"):
            services.wait_for(lambda: keeper.turn(0.05), "it ends by itself")
    finally:
        keeper.stop()


def test_a_note_cut_short_by_a_crash_is_no_obstacle(data):
    (data.path / "machine.json").write_text('{"data')
    assert data.read("machine.json") == {}


def test_a_taken_port_is_told_with_one_that_is_free(capsys, tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert cli.main(["up", str(SOUND), "--data", str(tmp_path), "--port", str(port)]) == 1
    said = capsys.readouterr().err
    assert f"port {port} is taken" in said
    assert "--port " in said


def test_an_address_that_is_not_ours_is_told():
    with pytest.raises(StartError, match=r"cannot listen on 192\.0\.2\.1"):
        before.check_port("192.0.2.1", 8050, "--port")


@pytest.mark.parametrize(
    ("environment", "more", "remedy"),
    [
        ({}, [], "add --tls"),
        ({"IOC_AUTH": "open"}, ["--tls"], "leave IOC_AUTH away"),
        ({"IOC_PASSWORD": "chín con cá tra dưới cầu"}, [], "IOC_TLS_CERT"),
    ],
)
def test_an_open_door_is_refused_with_the_remedy_before_anything_starts(
    capsys, tmp_path, monkeypatch, environment, more, remedy
):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    port = str(services.free_port())
    words = ["up", str(SOUND), "--data", str(tmp_path / "data"), "--port", port, "--host", "0.0.0.0", *more]
    assert cli.main(words) == 1
    said = capsys.readouterr().err
    assert "--host 0.0.0.0 shows the city to the network" in said
    assert remedy in said
    assert not (tmp_path / "data").exists()


def test_the_first_account_is_made_once_and_a_link_lets_its_owner_in(database_url):
    settings = Settings(database_url=database_url, base_url="http://127.0.0.1:8050/")
    with pytest.raises(StartError, match=r"IOC_PASSWORD cannot be the first account's: .*guess"):
        entry.first_account(settings, "password1234")
    entry.first_account(settings, "chín con cá tra dưới cầu")
    entry.first_account(settings, "another one, as it is later")
    one, two = entry.link(settings), entry.link(settings)
    assert one.startswith("http://127.0.0.1:8050/first/")
    with database.connect(database_url) as conn:
        assert [(p.name, bool(p.password)) for p in people.everybody(conn)] == [("admin", True)]
        assert people.use_link(conn, one.rpartition("/")[2], datetime.now(UTC)) is None  # the next start made it void
        assert people.use_link(conn, two.rpartition("/")[2], datetime.now(UTC)).name == "admin"
    assert entry.link(replace(settings, auth="open")) == ""
    assert entry.link(replace(settings, database_url="postgresql://x@127.0.0.1:1/x")) == ""


def test_a_city_folder_that_is_not_there_is_told(capsys, tmp_path):
    assert cli.main(["up", str(tmp_path / "nowhere")]) == 1
    assert "there is no city folder" in capsys.readouterr().err


def test_a_wrong_city_folder_lists_every_fault_and_starts_nothing(capsys, tmp_path):
    shutil.copytree(SOUND, tmp_path / "city")
    shutil.copytree(SOUND.parent / "bad" / "rule_names_nothing", tmp_path / "city", dirs_exist_ok=True)
    port = str(services.free_port())
    assert cli.main(["up", str(tmp_path / "city"), "--data", str(tmp_path / "data"), "--port", port]) == 1
    assert "6 faults in the city folder" in capsys.readouterr().err
    assert not (tmp_path / "data" / "postgres" / "data").exists()


def test_the_sample_city_is_copied_kept_when_edited_and_refreshed_when_not(data, tmp_path):
    source = tmp_path / "source"
    shutil.copytree(SOUND, source)
    copy = before.own_copy(source, data)
    assert (copy / "city.toml").read_text() == (SOUND / "city.toml").read_text()
    (source / "contacts.toml").write_text("# newer\n")
    assert (before.own_copy(source, data) / "contacts.toml").read_text() == "# newer\n"
    (copy / "contacts.toml").write_text("# mine\n")
    (source / "contacts.toml").write_text("# newest\n")
    assert (before.own_copy(source, data) / "contacts.toml").read_text() == "# mine\n"


def test_other_commands_find_the_ioc_up_that_runs_and_no_other(data, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    ours = Settings(database_url="postgresql://ioc:p@127.0.0.1:1/ioc", broker_url="mqtt://127.0.0.1:2")
    with borrow.offered(data, ours):
        assert borrow.borrowed(Settings()).broker_url == ours.broker_url
        assert borrow.borrowed(Settings()).database_url == ours.database_url
        theirs = Settings(broker_url="mqtt://city.example:1883")
        assert borrow.borrowed(theirs) == theirs
    assert borrow.borrowed(Settings()) == Settings()


def test_a_note_of_a_killed_ioc_up_is_not_believed(data, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    with borrow.offered(data, Settings(database_url="postgresql://x/y")):
        data.close()  # as the kernel does when the process ends
        assert borrow.borrowed(Settings()) == Settings()
        assert list((tmp_path / "home" / "ioc" / ".running").iterdir()) == []


def spec(data, name, code, **more):
    return Spec(name=name, command=[sys.executable, "-c", code], log=data.logs / f"{name}.log", **more)


FOREVER = "import signal; signal.pause()"


@pytest.fixture
def keeper(data):
    news = []
    found = Supervisor(data, news.append)
    found.news = news
    yield found
    found.stop()


def turn_until(keeper, condition, what):
    def turned():
        keeper.turn(0.01)
        return condition()

    return services.wait_for(turned, what)


def test_a_child_killed_with_9_is_back_within_seconds(keeper, data):
    child = keeper.start(spec(data, "part", FOREVER))
    keeper.wait_ready(child, 5)
    first, started = child.process.pid, time.monotonic()
    os.kill(first, signal.SIGKILL)
    turn_until(keeper, lambda: child.running and child.process.pid != first, "the part is back")
    assert time.monotonic() - started < 5
    assert "part was ended by SIGKILL; starts again in 0.2 s" in keeper.news[0]


def test_a_child_that_cannot_live_is_tried_ever_more_slowly_and_its_last_words_are_told(keeper, data):
    child = keeper.start(spec(data, "broken", "raise SystemExit('no licence')", ready=lambda: False))
    turn_until(keeper, lambda: child.falls >= 4, "four falls")
    pauses = [line.split("again in ")[1].split(" s")[0] for line in keeper.news]
    assert pauses[:4] == ["0.2", "0.5", "1", "2"]
    assert "no licence" in keeper.news[2]
    assert "no licence" not in keeper.news[3]


def test_a_child_whose_preparation_fails_is_told_and_tried_again(keeper, data):
    moods = iter([None, OSError("disk full"), None])

    def prepare():
        if (mood := next(moods, None)) is not None:
            raise mood

    child = keeper.start(spec(data, "part", FOREVER, prepare=prepare))
    keeper.wait_ready(child, 5)
    child.kill()
    turn_until(keeper, lambda: child.running and len(keeper.news) >= 2, "it is tried again")
    assert "cannot start: disk full" in keeper.news[1]


def test_a_first_start_that_fails_ends_with_the_last_words(keeper, data):
    child = keeper.start(spec(data, "database", "raise SystemExit('bad blocks')", ready=lambda: False))
    with pytest.raises(StartError, match=r"(?s)database did not start.*bad blocks"):
        keeper.wait_ready(child, 10, strict=True)


def test_a_stuck_child_is_ended_and_started_again(keeper, data, monkeypatch):
    monkeypatch.setattr("ioc.up.supervisor._CHORES", 0.01)
    child = keeper.start(spec(data, "part", FOREVER, alive=lambda: False))
    keeper.wait_ready(child, 5)
    first = child.process.pid
    turn_until(keeper, lambda: child.running and child.process.pid != first, "it is replaced")
    assert "part is stuck: ended, to start again" in keeper.news


def test_a_child_that_is_meant_to_end_is_left_ended(keeper, data):
    child = keeper.start(spec(data, "backfill", "pass", once=True))
    child.was_ready = True
    turn_until(keeper, lambda: child.done, "it is done")
    assert child.restarts == 0


def test_children_are_stopped_in_the_opposite_order_rank_by_rank(keeper, data):
    code = "import signal, sys, time\n"
    code += "signal.signal(signal.SIGTERM, lambda *_: (open({!r}, 'a').write({!r}), sys.exit(0)))\n"
    code += "open({!r}, 'w').close()\nwhile True: signal.pause()"
    ended = str(data.path / "ended")
    for rank, name in enumerate(("database ", "ingest ", "simulate ")):
        up = data.path / f"{name.strip()}.up"
        child = keeper.start(spec(data, name.strip(), code.format(ended, name, str(up)), rank=rank))
        services.wait_for(up.exists, f"{name} runs")
        assert child.running
    keeper.stop()
    assert Path(ended).read_text() == "simulate ingest database "


def test_a_child_that_does_not_end_in_order_is_ended_by_force(keeper, data):
    up = data.path / "up"
    code = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); open({str(up)!r}, 'w').close()\n"
    child = keeper.start(spec(data, "deaf", code + "while True: signal.pause()", stop_seconds=0.2))
    services.wait_for(up.exists, "it runs")
    process = child.process
    keeper.stop()
    assert process.poll() == -signal.SIGKILL
    assert "deaf does not end in order: ended by force" in keeper.news


def test_a_signal_stops_the_loop(keeper, data):
    handlers = {n: signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        keeper.listen()
        threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGTERM)).start()
        with pytest.raises(Stopped):
            turn_until(keeper, lambda: False, "it is stopped")
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


SUPERVISOR = """
import sys
from pathlib import Path
from ioc.up.child import Spec
from ioc.up.folder import DataFolder
from ioc.up.supervisor import Supervisor
data = DataFolder(Path(sys.argv[1])); data.open_()
keeper = Supervisor(data, print)
deaf = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); signal.pause()"
for name, code in (("part", "import signal; signal.pause()"), ("deaf", deaf)):
    keeper.start(Spec(name=name, command=[sys.executable, "-c", code], log=data.logs / "x.log"))
while True:
    keeper.turn(0.05)
"""


def runs(pid):
    return psutil.pid_exists(pid) and lives(psutil.Process(pid))


def test_children_of_a_killed_supervisor_end_and_the_deaf_are_ended_at_the_next_start(tmp_path):
    supervisor = subprocess.Popen([sys.executable, "-c", SUPERVISOR, str(tmp_path / "data")])
    data = DataFolder(tmp_path / "data")
    services.wait_for(lambda: len(data.read("processes.json")) == 2, "both children run")
    time.sleep(0.3)  # the deaf one needs a moment to stop its ears
    pids = {name: pid for name, (pid, _) in data.read("processes.json").items()}
    supervisor.kill()
    supervisor.wait()
    services.wait_for(lambda: not runs(pids["part"]), "the kernel ends the part")
    data.open_()
    assert data.end_survivors(patience=0.3) == (["deaf"] if shutil.which("setpriv") else ["part", "deaf"])
    data.close()
    assert not runs(pids["deaf"])


def test_a_process_number_that_another_program_has_got_since_is_left_alone(data):
    other = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        data.write("processes.json", {"ingest": [other.pid, 1.0]})
        assert data.end_survivors() == []
        assert other.poll() is None
    finally:
        other.communicate()


def test_a_log_stays_bounded_and_keeps_the_one_before(data, monkeypatch):
    monkeypatch.setattr("ioc.up.child._LOG_LIMIT", 1000)
    child = Child(spec(data, "chatty", "pass"))
    child.spec.log.write_text("old line\n" * 200)
    child.trim_log()
    assert child.spec.log.stat().st_size == 0
    assert (data.logs / "chatty.1.log").stat().st_size == 1800


def test_a_bridge_is_wanted_where_a_feed_is_pulled_also_beside_a_broken_file(tmp_path):
    (tmp_path / "feeds").mkdir()
    (tmp_path / "feeds" / "a.toml").write_text("name = [")
    assert not before.pulls(tmp_path)
    (tmp_path / "feeds" / "b.toml").write_text('name = "x"\n[http]\nurl = "http://h"\n')
    assert before.pulls(tmp_path)
