"""A reader never sees half of a file or folder."""

import errno
import subprocess
import sys
from pathlib import Path

import pytest

from automtl_core.errors import RunExistsError, StorageError
from automtl_core.system import files
from automtl_core.system.files import HOST, break_hard_links, publish_folder, scratch_folder, write_atomic


def test_writing_replaces_a_file_or_is_an_error(tmp_path):
    write_atomic(tmp_path / "f", b"one")
    write_atomic(tmp_path / "f", b"two")
    assert (tmp_path / "f").read_bytes() == b"two"
    assert [p.name for p in tmp_path.iterdir()] == ["f"]
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


def publish_late(folder, **options):
    """Publish `b` after another process has."""
    with publish_folder(folder / "b", **options) as draft:
        (draft / "f").write_text("mine")
        (folder / "b").mkdir()
        (folder / "b" / "f").write_text("theirs")


def test_folder_that_was_published_meanwhile_is_not_taken(tmp_path):
    with pytest.raises(RunExistsError, match="b: another process has created it in the meantime"):
        publish_late(tmp_path)
    assert (tmp_path / "b" / "f").read_text() == "theirs"
    assert [p.name for p in tmp_path.iterdir()] == ["b"]


@pytest.mark.parametrize("make", [Path.touch, lambda path: path.symlink_to("nowhere")])
def test_a_taken_path_is_refused_before_any_work(tmp_path, make):
    make(tmp_path / "b")
    with pytest.raises(RunExistsError, match="b: exists already"), publish_folder(tmp_path / "b"):
        pytest.fail("the block ran")


def test_lines_for_a_file_reach_no_other_file(tmp_path):
    log, backup = tmp_path / "log.txt", tmp_path / "backup.txt"
    break_hard_links(log)
    assert not log.exists()
    log.write_text("old")
    break_hard_links(log)
    backup.hardlink_to(log)
    break_hard_links(log)
    with log.open("a") as file:
        file.write(" new")
    assert (log.read_text(), backup.read_text()) == ("old new", "old")


def test_folder_of_the_same_content_stays(tmp_path):
    publish_late(tmp_path, same_content=True)
    assert (tmp_path / "b" / "f").read_text() == "theirs"
    assert [p.name for p in tmp_path.iterdir()] == ["b"]


def test_a_folder_replaces_an_empty_one_and_no_file(tmp_path):
    (tmp_path / "b").mkdir()
    with publish_folder(tmp_path / "b") as draft:
        (draft / "f").write_text("mine")
    assert (tmp_path / "b" / "f").read_text() == "mine"
    (tmp_path / "file").write_text("")
    with pytest.raises(RunExistsError, match="cannot be written to"), publish_folder(tmp_path / "file" / "b"):
        pass


KILLED = """
import os, sys
from pathlib import Path
from automtl_core.system.files import scratch_folder
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


KILLED_WRITING = """
import os, sys
from pathlib import Path
from automtl_core.system.files import publish_file
with publish_file(Path(sys.argv[1])) as draft:
    draft.write_text("half")
    os.kill(os.getpid(), 9)
"""


def test_the_draft_of_a_killed_process_is_removed_by_the_next_and_no_other_draft_is(tmp_path):
    path = tmp_path / "out.csv"
    subprocess.run([sys.executable, "-c", KILLED_WRITING, path], check=False)
    [draft] = tmp_path.iterdir()
    others = [draft.with_name(draft.name.replace(HOST, "0" * 8)), tmp_path / f".out.csv.{HOST}.1.draft"]
    for other in others:  # of another machine, and of a process that exists
        other.touch()
    write_atomic(path, b"whole")
    assert sorted(tmp_path.iterdir()) == sorted([*others, path])


def test_the_folder_of_a_process_at_work_stays(tmp_path):
    with scratch_folder(tmp_path) as first, scratch_folder(tmp_path) as second:
        assert first != second
        assert first.is_dir()


@pytest.mark.parametrize(
    ("code", "remedy"),
    [(errno.ENOENT, "put the folder back"), (errno.EROFS, "right"), (errno.ENOSPC, "space")],
)
def test_the_remedy_of_a_write_that_fails_is_that_of_its_cause(tmp_path, code, remedy):
    with pytest.raises(StorageError) as error, files.publish_file(tmp_path / "it"):
        raise OSError(code, "reason")
    assert remedy in error.value.fix
