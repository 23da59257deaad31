"""The encoder of an export, read from its folder, gives what the encoder of the run gives."""

import numpy as np
import pytest

from automtl_core.data.earlier import rule_of
from automtl_core.data.encoder import Encoder
from automtl_core.data.fitting import encoded
from automtl_core.dataset.encodings import plain
from automtl_core.fields.kinds import BUILT_IN
from automtl_export import served
from automtl_export.exporter import inputs
from automtl_testing.samples import sample_encoder, sample_part, sample_schema

FIELDS = sample_schema(dense=2)
COLUMNS = {
    "user": ["u1", 7, None, "7"],
    "item": ["i1", "", "i2", "i1"],
    "tags": [["a", "b"], [], None, ["b", "b", None]],
    "tab": [1, 2, 1, None],
    "x0": [0.5, None, "-2", 1],
    "x1": [None, 1.0, 2.0, 3.0],
}


@pytest.mark.parametrize("keys", [(), ("tags", ("user", "x0"), {"key": ["tab"], "means": ["x1"]})])
@pytest.mark.parametrize("as_texts", [None, ("user",)])
def test_it_gives_the_inputs_of_the_graph(tmp_path, monkeypatch, keys, as_texts):
    monkeypatch.setattr(served, "KINDS", BUILT_IN)  # which the source of an export has
    schema, part = FIELDS.encoded(plain().with_answers(aggregates=keys)), sample_part(FIELDS, 300, seed=0)
    aggregates = encoded(part, part, schema, rule_of(300, None, 0.0, None)).aggregates
    encoder = Encoder(schema, sample_encoder(schema).fields, aggregates)
    encoder.save(tmp_path, vectors=False, as_texts=as_texts, unread=["item"])
    found = served.Encoder(tmp_path)({name: values for name, values in COLUMNS.items() if name != "item"})
    expected = inputs(encoder.encode({**COLUMNS, "item": [None] * 4}, labelled=False), schema)
    assert found.keys() == expected.keys()
    assert found["dense"].shape == (4, schema.n_numbers)
    for name, tensor in expected.items():
        assert found[name].dtype == tensor.numpy().dtype
        np.testing.assert_array_equal(found[name], tensor.numpy(), name)
