"""A space with two named outputs, vectors of users and items, which are exported as graphs."""

import sys
from pathlib import Path

import numpy as np
import onnxruntime
import pandas as pd
import pytest
from two_towers import TwoTowers, TwoTowerSpace

import automtl
from automtl_core.registry.plugins import load_registry
from automtl_export.encoder import exported
from automtl_testing import check_space, plain_schema

SOURCE = """
from automtl_core.plugin import hookimpl

@hookimpl
def automtl_register_search_spaces():
    return {"two-towers": "two_towers:TwoTowerSpace"}
"""
SMALL = ["--set", "dataset.rows=1000", "--set", "training.epochs=2", "--set", "training.min_positives=1"]


def space():
    schema = plain_schema(dense=2)
    settings = TwoTowerSpace.settings_class(user_fields=(schema.sparse[0].name,))
    return TwoTowerSpace(schema, settings, load_registry().op)


def test_it_keeps_its_contract():
    check_space(space())


@pytest.mark.parametrize(
    ("outputs", "fault"),
    [
        (lambda self, f: [1], "outputs returns list, expected a mapping"),
        (lambda self, f: {"user v": f.dense}, "has the name 'user v'"),
        (lambda self, f: {"user": 1}, "the output 'user' is int for 16 rows"),
        (lambda self, f: {"user": f.dense.T}, r"is \[2, 16\] for 16 rows, expected a tensor \[16, ...\]"),
        (lambda self, f: {"user": f.dense + float("nan")}, "must be finite where numbers are missing"),
    ],
)
def test_outputs_that_break_the_contract_are_named(outputs, fault, monkeypatch):
    monkeypatch.setattr(TwoTowers, "outputs", outputs)
    monkeypatch.setattr(TwoTowers, "forward", lambda self, f: f.ids[:, :1] * self.scale)
    with pytest.raises(AssertionError, match=fault):
        check_space(space())


@pytest.mark.needs_extra("onnx")
def test_vectors_of_users_and_items_are_exported(install, request, tmp_path, monkeypatch):
    command = request.getfixturevalue("automtl")  # the name of the Python interface, too
    install(SOURCE, "two-towers")
    assert command("train", "--model", "two-towers", *SMALL, "--name", "towers").code == 0
    assert command("data", "export", "synthetic", *SMALL[:2], "--out", "new.csv").code == 0
    rows = pd.read_csv("new.csv", dtype=str).head(40)
    run = automtl.load("runs/towers")
    vectors = run.outputs(rows)
    assert {name: vector.shape for name, vector in vectors.items()} == {"user": (40, 16), "item": (40, 16)}
    code, _, err = command("export", "runs/towers", "--out", "served")
    assert code == 0, err
    assert "`outputs/user/`" in Path("served/README.md").read_text()
    encoded = exported(Path("served/encode.py").absolute(), Path("served/encoder").absolute())(
        rows.to_dict("list")
    )
    for name, own in vectors.items():
        session = onnxruntime.InferenceSession(f"served/outputs/{name}/model.onnx")
        read = {one.name for one in session.get_inputs()}
        (vector,) = session.run(None, {key: value for key, value in encoded.items() if key in read})
        assert np.allclose(vector, own, atol=1e-5)
    sys.modules.pop("encode", None)
    outputs = TwoTowers.outputs
    monkeypatch.setattr(
        TwoTowers, "outputs", lambda self, features: {"../x": outputs(self, features)["user"]}
    )
    monkeypatch.setattr(TwoTowers, "forward", lambda self, features: features.ids[:, :1] * self.scale)
    code, _, err = command("export", "runs/towers", "--out", "elsewhere")
    assert (code, "an output has the name '../x'" in err) == (69, True)
    assert not Path("elsewhere").exists()
