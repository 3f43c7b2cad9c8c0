from __future__ import annotations

import subprocess
import sys

import pytest

from ioc import cli
from ioc.errors import BrokerError


def test_alone_it_tells_a_newcomer_the_three_things_to_try(capsys):
    assert cli.main([]) == 0
    said = capsys.readouterr().out
    assert "ioc up " in said
    assert "ioc check" in said
    assert len(said.splitlines()) < 10


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["chekc", "x"], "unknown command 'chekc': did you mean check?"),
        (["up", "--prot", "80"], "did you mean --port?"),
        (["up", "--no-simulat"], "did you mean --no-simulate?"),
        (["deploy", "compos"], "unknown kind 'compos': did you mean compose?"),
        (["up", "--port", "eighty"], "'eighty' is not a port"),
        (["up", "--port", "99999"], "'99999' is not a port"),
        (["up", "--port", "0"], "'0' is not a port"),
        (["backfill", "--days", "-3"], "'-3': give a whole number of days"),
        (["check"], "CITY"),
        (["xyzzy"], "there are: up, check"),
    ],
)
def test_a_slip_on_the_command_line_gets_a_hint_and_exit_code_2(words, hint, capsys):
    assert cli.main(words) == 2
    said = capsys.readouterr().err
    assert hint in said
    assert "Traceback" not in said


def test_an_abbreviated_option_is_not_guessed(capsys):
    assert cli.main(["up", "--no-sim"]) == 2
    assert "did you mean --no-simulate?" in capsys.readouterr().err


def _fail_with(monkeypatch, error):
    def broken(_words):
        raise error

    monkeypatch.setattr(cli, "_run", broken)


def test_an_error_is_one_message_without_a_traceback(monkeypatch, capsys):
    _fail_with(monkeypatch, BrokerError("no broker at mqtt://b:1883"))
    assert cli.main(["up"]) == 1
    assert capsys.readouterr().err == "ioc: no broker at mqtt://b:1883\n"


@pytest.mark.parametrize("words", [["deploy", "compose"], ["deploy", "systemd"], ["schemas"]])
def test_a_place_that_cannot_be_written_is_named(words, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert cli.main([*words, "--out", str(tmp_path / "file")]) == 1
    assert capsys.readouterr().err == f"ioc: {tmp_path / 'file'}: File exists\n"


def test_a_mail_folder_that_is_a_file_is_told_in_one_line(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("signal.signal", lambda *_: None)
    (tmp_path / "file").write_text("")
    assert cli.main(["mail-catcher", "--dir", str(tmp_path / "file"), "--port", "1"]) == 1
    said = capsys.readouterr().err
    assert "cannot keep mails: File exists; choose another with --dir" in said
    assert "Traceback" not in said


def test_debug_shows_where_it_came_from(monkeypatch):
    _fail_with(monkeypatch, BrokerError("no broker"))
    with pytest.raises(BrokerError):
        cli.main(["up", "--debug"])


def test_an_unexpected_error_names_itself_and_the_way_to_see_more(monkeypatch, capsys):
    _fail_with(monkeypatch, ZeroDivisionError("division by zero"))
    assert cli.main(["up"]) == 1
    said = capsys.readouterr().err
    assert "ZeroDivisionError" in said
    assert "--debug" in said


def test_ctrl_c_is_quiet(monkeypatch, capsys):
    _fail_with(monkeypatch, KeyboardInterrupt())
    assert cli.main(["up"]) == 130
    assert capsys.readouterr().err == "ioc: interrupted\n"


def test_a_reader_that_went_away_is_no_error():
    done = subprocess.run(
        f"{sys.executable} -m ioc --help | true", shell=True, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stderr == ""


def test_help_imports_nothing_heavy():
    heavy = ["psycopg", "dash", "plotly", "geopandas", "pandas", "numpy", "paho", "matplotlib", "fastapi", "pydantic"]
    code = f"import sys, ioc.cli; ioc.cli.build(); print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"


def test_every_command_has_a_help_sentence_and_its_own_help():
    import argparse

    def walk(parser, path):
        for action in parser._actions:
            if isinstance(action, argparse._SubParsersAction):
                told = {choice.dest: choice.help for choice in action._choices_actions}
                for name, child in action.choices.items():
                    assert told.get(name), f"{path} {name} has no help"
                    assert child.format_help()
                    walk(child, f"{path} {name}")

    walk(cli.build(), "ioc")


def test_schemas_are_written(tmp_path, capsys):
    assert cli.main(["schemas", "--out", str(tmp_path)]) == 0
    assert {f.name for f in tmp_path.iterdir()} >= {"city.schema.json", "feed.schema.json", "rules.schema.json"}
    assert "feed.schema.json" in capsys.readouterr().out


def test_migrate_without_a_database_says_what_to_set(capsys):
    assert cli.main(["migrate"]) == 1
    assert "IOC_DATABASE_URL is not set" in capsys.readouterr().err


def test_migrate_brings_a_database_up_to_date(database_url, monkeypatch, capsys):
    monkeypatch.setenv("IOC_DATABASE_URL", database_url)
    assert cli.main(["migrate"]) == 0
    assert "nothing to do" in capsys.readouterr().out
