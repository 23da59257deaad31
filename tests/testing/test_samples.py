import numpy as np
import pytest

from automtl_testing import check_space, plain_schema, sample_part, sample_schema, sample_space


def test_the_usual_schema_has_a_regression_a_bag_and_an_order_and_the_plain_one_does_not():
    usual, plain = sample_schema(), plain_schema()
    assert [task.kind for task in usual.tasks] == ["binary", "regression", "binary"]
    assert [field.name for field in usual.sparse if field.kind == "bag"] == ["tags"]
    assert [task.after for task in plain.tasks] == [None, "click"]
    assert {field.kind for field in plain.sparse} == {"single"}


def test_rows_fit_the_schema_and_lack_some_labels():
    schema = sample_schema(dense=2)
    part = sample_part(schema, 500, seed=0)
    assert part.ids.shape == (500, 4)
    assert part.dense.shape == (500, 2)
    for place, field in enumerate(schema.sparse):
        assert part.ids[:, place].max() < field.size
    bags = part.bags[2]
    assert bags.starts[1] == 0, "bag 0 is empty"
    assert bags.values.max() < schema.sparse[2].size
    assert (np.isnan(part.labels).mean(axis=0) > 0.1).all()
    assert (np.isnan(part.dense).mean(axis=0) > 0.05).all(), "half as many numbers"
    assert (np.isnan(part.dense).mean(axis=0) < 0.15).all()
    whole = sample_part(schema, 500, seed=0, missing=0.0)
    assert not np.isnan(whole.labels).any()
    assert not np.isnan(whole.dense).any()


@pytest.mark.parametrize("schema", [None, plain_schema(dense=0), sample_schema(dense=2)])
def test_it_keeps_the_contract(schema):
    check_space(sample_space(schema), architectures=3)
