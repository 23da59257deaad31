"""The encoder that is exported, which needs numpy alone, encodes every dataset as the one of a run."""

import numpy as np
import pytest

from automtl_core.data.prepare.prepare import prepare
from automtl_core.exporter import inputs
from automtl_core.fields.field import exported, source

from .test_encoder import NAMES, raw_examples


@pytest.mark.parametrize("name", NAMES)
def test_it_gives_the_inputs_of_the_graph_bit_for_bit(name, raw_dataset, tmp_path_factory):
    dataset, data_dir = raw_dataset(name)
    work = tmp_path_factory.mktemp("work")
    prepared = prepare(dataset, name, data_dir, work / "prepared")
    columns = raw_examples(dataset, data_dir, prepared.schema, work)
    (work / "encode.py").write_text(source(prepared.encoder.fields.values()))
    found = exported(work / "encode.py", prepared.path / "encoder")(columns)
    expected = inputs(prepared.encoder.encode(columns, labelled=False), prepared.encoder.schema)
    assert list(found) == list(expected)
    for (what, array), tensor in zip(found.items(), expected.values(), strict=True):
        assert array.dtype == tensor.numpy().dtype, what
        np.testing.assert_array_equal(array, tensor.numpy(), what)
