"""A reader never sees half of a file or folder."""

import subprocess
import sys

import pytest

from automtl_core.disk.files import publish_folder, scratch_folder, write_atomic
from automtl_core.errors import RunExistsError, StorageError


def test_write_replaces(tmp_path):
    write_atomic(tmp_path / "f", b"one")
    write_atomic(tmp_path / "f", b"two")
    assert (tmp_path / "f").read_bytes() == b"two"
    assert [p.name for p in tmp_path.iterdir()] == ["f"]


def test_write_into_nowhere_is_an_error(tmp_path):
    with pytest.raises(StorageError, match="none/f: cannot be written"):
        write_atomic(tmp_path / "none" / "f", b"")


def test_folder_appears_whole(tmp_path):
    with publish_folder(tmp_path / "a" / "b") as draft:
        (draft / "f").write_text("x")
        assert not (tmp_path / "a" / "b").exists()
    assert (tmp_path / "a" / "b" / "f").read_text() == "x"
    assert [p.name for p in (tmp_path / "a").iterdir()] == ["b"]


def test_folder_vanishes_when_the_block_fails(tmp_path):
    def interrupted():
        with publish_folder(tmp_path / "b") as draft:
            (draft / "f").write_text("x")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert list(tmp_path.iterdir()) == []


def test_folder_that_was_published_meanwhile_stays(tmp_path):
    with publish_folder(tmp_path / "b") as draft:
        (draft / "f").write_text("mine")
        (tmp_path / "b").mkdir()
        (tmp_path / "b" / "f").write_text("theirs")
    assert (tmp_path / "b" / "f").read_text() == "theirs"
    assert [p.name for p in tmp_path.iterdir()] == ["b"]


def test_folder_below_a_file_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunExistsError, match="cannot be written to"), publish_folder(tmp_path / "file" / "b"):
        pass


KILLED = """
import os, sys
from pathlib import Path
from automtl_core.disk.files import scratch_folder
with scratch_folder(Path(sys.argv[1])) as folder:
    (folder / "large").write_text("x")
    os.kill(os.getpid(), 9)
"""


def test_what_a_killed_process_left_is_removed_by_the_next(tmp_path):
    subprocess.run([sys.executable, "-c", KILLED, tmp_path], check=False)
    assert len(list(tmp_path.glob(".*/large"))) == 1
    with scratch_folder(tmp_path) as folder:
        assert sorted(tmp_path.iterdir()) == [folder, folder.with_name(folder.name + ".lock")]
    assert list(tmp_path.iterdir()) == []


def test_the_folder_of_a_process_at_work_stays(tmp_path):
    with scratch_folder(tmp_path) as first, scratch_folder(tmp_path) as second:
        assert first != second
        assert first.is_dir()
