"""Numbers in buckets of equal frequency."""

import numpy as np

from automtl_core.fields.buckets import Bucketed, Buckets, edges
from automtl_core.fields.encode import encode


def ids(encoder, column):
    return encode("price", encoder, {"price": column}).tolist()


def test_numbers_fall_into_buckets():
    buckets = Buckets((0.0, 1.5))
    assert buckets.size == 4
    assert ids(buckets, [-1, 0, "1.5", 99, None]) == [1, 2, 3, 3, 0]
    assert ids(Buckets(()), [1, None]) == [1, 0]
    assert ids(Buckets((0.0, 1.5), missing=7), [None, 1]) == [3, 2]


def test_numbers_for_ids_have_these_ids():
    for buckets in (Buckets((0.0, 1.5)), Buckets(())):
        every = list(range(buckets.size))
        assert ids(buckets, buckets.examples("price", every)["price"]) == every


def test_edges_part_numbers_evenly_and_fewer_where_numbers_repeat():
    assert edges(np.array([1.0, 2, 3, 4, np.nan]), 2).tolist() == [2]
    assert edges(np.array([1.0, 1, 1, 1]), 4).tolist() == [1]
    assert edges(np.array([np.nan]), 4).tolist() == []


def test_faults():
    assert len(list(Bucketed("price", 1, missing=float("inf")).faults())) == 2
    assert not list(Bucketed("price", 2, missing=0).faults())
