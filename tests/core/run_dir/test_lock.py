"""One process at a time works in a folder, and in this folder alone."""

import os
import threading
import time

import pytest

from automtl_core.errors import ArtifactError, RunInUseError
from automtl_core.run_dir.lock import _lock, is_locked, locked, no_links


def test_a_folder_is_held_by_one_and_may_be_moved_meanwhile(tmp_path):
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    assert not is_locked(here)
    with locked(here):
        here.rename(there)
        assert is_locked(there)
        with pytest.raises(RunInUseError, match="another process works on this run"), locked(there):
            pass
    assert not is_locked(there)
    with locked(there):
        pass


def test_a_look_at_a_lock_does_not_keep_a_process_from_it(tmp_path):
    looked = threading.Event()

    def look():
        with _lock(tmp_path):
            looked.set()
            time.sleep(0.05)

    looking = threading.Thread(target=look)
    looking.start()
    looked.wait()
    with locked(tmp_path):
        looking.join()


def test_files_and_folders_are_no_links(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "file").touch()
    no_links(tmp_path)


@pytest.mark.parametrize(
    "make", [os.mkfifo, lambda path: path.symlink_to("nowhere"), lambda path: path.symlink_to("/")]
)
def test_anything_else_is_refused(tmp_path, make):
    (tmp_path / "folder").mkdir()
    make(tmp_path / "folder" / "other")
    with pytest.raises(ArtifactError, match="folder/other: a link, or no plain file"):
        no_links(tmp_path)
