import os

import numpy as np
import pytest

from automtl_core.data.part import Bags, Part
from automtl_core.errors import ArtifactError


def test_a_part_has_as_many_rows_as_ids():
    part = Part(np.zeros((5, 2), np.int32), np.zeros((5, 0), np.float32), np.zeros((5, 1), np.float32))
    assert len(part) == 5
    assert part.bags == {}


def test_a_bag_holds_what_lies_between_its_starts():
    starts, values = Bags(np.array([0, 0, 2]), np.array([4, 9], np.int32))
    assert [values[starts[b] : starts[b + 1]].tolist() for b in (0, 1)] == [[], [4, 9]]


def test_some_rows_have_their_users():
    ids, labels = np.arange(4, dtype=np.int32)[:, None], np.zeros((4, 1), np.float32)
    part = Part(ids, np.zeros((4, 0), np.float32), labels, users=np.array([7, 0, 7, 9], np.int32))
    assert part.some(slice(1, 3)).users.tolist() == [0, 7]
    assert part.some(np.array([3, 0])).users.tolist() == [9, 7]
    assert Part(ids, part.dense, labels).some(slice(2)).users is None


def test_a_mapped_file_that_was_cut_is_an_error(tmp_path):
    np.save(tmp_path / "labels.npy", np.zeros((5000, 1), np.float32))
    labels = np.load(tmp_path / "labels.npy", mmap_mode="r")
    part = Part(np.zeros((5000, 2), np.int32), np.zeros((5000, 0), np.float32), labels)
    part.check_whole()
    os.truncate(tmp_path / "labels.npy", 4096)
    for each in (part, part.some(slice(4000, None))):
        with pytest.raises(ArtifactError, match=r"labels\.npy: 4,096 bytes, expected 20,128: the file was"):
            each.check_whole()
