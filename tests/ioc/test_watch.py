from __future__ import annotations

import os

from ioc.watch import Watch, digest


def test_a_change_is_told_once_and_only_after_it_has_settled(tmp_path):
    file = tmp_path / "feeds" / "air.toml"
    file.parent.mkdir()
    file.write_text("a")
    watch = Watch(tmp_path)
    assert not watch.changed()
    file.write_text("bb")
    assert not watch.changed()  # still being written, as far as one look can tell
    assert watch.changed()
    assert not watch.changed()


def test_a_touched_file_is_no_change(tmp_path):
    (tmp_path / "city.toml").write_text("a")
    watch = Watch(tmp_path)
    os.utime(tmp_path / "city.toml", (1, 1))
    assert not any(watch.changed() for _ in range(3))


def test_a_new_and_a_removed_file_are_changes(tmp_path):
    watch = Watch(tmp_path)
    (tmp_path / "x.toml").write_text("")
    assert [watch.changed() for _ in range(3)] == [False, True, False]
    (tmp_path / "x.toml").unlink()
    assert [watch.changed() for _ in range(3)] == [False, True, False]


def test_hidden_files_do_not_count(tmp_path):
    before = digest(tmp_path)
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "index").write_text("x")
    (tmp_path / ".air.toml.swp").write_text("x")
    assert digest(tmp_path) == before
