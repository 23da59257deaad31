import numpy as np

from automtl_core.data.part import Bags, Part


def test_a_part_has_as_many_rows_as_ids():
    part = Part(np.zeros((5, 2), np.int32), np.zeros((5, 0), np.float32), np.zeros((5, 1), np.float32))
    assert len(part) == 5
    assert part.bags == {}


def test_a_bag_holds_what_lies_between_its_starts():
    starts, values = Bags(np.array([0, 0, 2]), np.array([4, 9], np.int32))
    assert [values[starts[b] : starts[b + 1]].tolist() for b in (0, 1)] == [[], [4, 9]]
