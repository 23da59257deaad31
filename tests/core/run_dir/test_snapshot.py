"""The file of the progress is read back as written; any other content is none."""

import pytest

from automtl_core.run_dir.snapshot import FILE, Snapshot, remove
from automtl_core.search.evidence import Evidence

SNAPSHOT = Snapshot(
    ("search", "test"), "search", "warm-up", "", 3, 0.5, 1234.5, 2.5, 10.0, "epochs", 20.0, 60.0,
    (Evidence("layer", "mlp-8", "chosen", "better"),), 1e9,
)  # fmt: skip


def test_it_is_read_as_written_and_removed(tmp_path):
    SNAPSHOT.write(tmp_path)
    assert Snapshot.read(tmp_path) == SNAPSHOT
    assert [path.name for path in tmp_path.iterdir()] == [FILE]
    remove(tmp_path)
    remove(tmp_path)
    assert Snapshot.read(tmp_path) is None


@pytest.mark.parametrize("content", ["", "{", "[]", '{"epoch": "three"}'])
def test_a_damaged_file_is_none(tmp_path, content):
    (tmp_path / FILE).write_text(content)
    assert Snapshot.read(tmp_path) is None


def test_a_folder_that_cannot_be_written_is_no_error(tmp_path):
    SNAPSHOT.write(tmp_path / "missing")
    assert not (tmp_path / "missing").exists()
