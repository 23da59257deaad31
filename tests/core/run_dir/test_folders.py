import os
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from automtl_core.errors import ArtifactError, RunInUseError, UsageError
from automtl_core.run_dir.folders import (
    _lock,
    default_raw_folder,
    is_locked,
    locked,
    no_links,
    prepared_folder,
    raw_folder,
)

READS = SimpleNamespace(files=lambda: {"log": "log.csv"})
READS_NOTHING = SimpleNamespace(files=dict)


@pytest.fixture(autouse=True)
def unset(monkeypatch):
    for name in ("AUTOMTL_DATA", "AUTOMTL_PREPARED"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("empty", [None, ""])
def test_folders_are_below_the_working_one(monkeypatch, empty):
    if empty is not None:
        monkeypatch.setenv("AUTOMTL_DATA", empty)
        monkeypatch.setenv("AUTOMTL_PREPARED", empty)
    assert default_raw_folder("shop") == Path("data/shop")
    assert prepared_folder() == Path("prepared")


def test_the_environment_says_otherwise(monkeypatch, tmp_path):
    monkeypatch.setenv("AUTOMTL_DATA", str(tmp_path / "raw"))
    monkeypatch.setenv("AUTOMTL_PREPARED", str(tmp_path / "made"))
    assert default_raw_folder("shop") == tmp_path / "raw" / "shop"
    assert prepared_folder() == tmp_path / "made"


def test_a_folder_that_is_given_comes_first_and_is_no_address(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert raw_folder(READS, "shop", Path("mine")) == tmp_path / "mine"
    assert raw_folder(READS, "shop", None) == tmp_path / "data" / "shop"
    assert raw_folder(READS_NOTHING, "shop", Path("mine")) is None
    with pytest.raises(UsageError, match=r"^s3://bucket/feed: is an address") as caught:
        raw_folder(READS, "shop", Path("s3://bucket/feed"))
    assert "copy the files" in caught.value.fix


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


@pytest.mark.parametrize(
    "make", [os.mkfifo, lambda path: path.symlink_to("nowhere"), lambda path: path.symlink_to("/")]
)
def test_files_and_folders_are_no_links_and_anything_else_is_refused(tmp_path, make):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "file").touch()
    no_links(tmp_path)
    make(tmp_path / "folder" / "other")
    with pytest.raises(ArtifactError, match="folder/other: a link, or no plain file"):
        no_links(tmp_path)
