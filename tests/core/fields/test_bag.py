"""Bags of values; preparation is tested in tests/core/data/prepare."""

import pytest

from automtl_core.fields.bag import Bag, BagEncoder
from automtl_core.fields.encode import WrongValueError, encode
from automtl_core.fields.kinds import BUILT_IN
from automtl_core.fields.sparse import Hashed


def test_a_bag_holds_known_values_once_in_the_order_of_their_ids():
    bags, one = BagEncoder(Hashed(1000)), Hashed(1000)
    starts, values = bags.encode([["b", "a", "b", None, ""], [], ["c"]])
    assert starts.tolist() == [0, 2, 2, 3]
    assert values.tolist() == [*sorted(one.encode(["a", "b"]).tolist()), *one.encode(["c"]).tolist()]
    assert [array.tolist() for array in bags.encode([])] == [[0], []]


def test_a_wrong_value_is_named_with_its_row():
    with pytest.raises(WrongValueError, match=r"row 2 .*\['y'\] is not one value"):
        encode("tags", BagEncoder(Hashed(3)), {"tags": [["x", "x"], [], [["y"]]]})


def test_it_is_read_again_from_its_json(tmp_path):
    told = BagEncoder(Hashed(3)).to_json()
    assert BUILT_IN["bag"].from_json({"values": told["values"]}, tmp_path, BUILT_IN) == BagEncoder(Hashed(3))


def test_an_empty_separator_is_a_fault():
    assert list(Bag("tags", "").faults()) == ["separator is '', allowed are non-empty texts"]
    assert not list(Bag("tags").faults())
