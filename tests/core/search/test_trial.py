"""Trials are values: specs have names by what their weights depend on, results survive a checkpoint."""

import json
import pickle
from dataclasses import fields, replace

import numpy as np
import pytest

from automtl_core.choices import Architecture
from automtl_core.disk.state import load_state, save_state
from automtl_core.search.trial import Serial, TrialResult, Trials, TrialSpec
from automtl_core.training.events import Warned
from automtl_testing.samples import binary_metrics

SPEC = TrialSpec(
    json.dumps({"seed": 0, "data_dir": "raw"}), "prepared/x", "trials", Architecture({}).to_json()
)


def test_a_spec_is_hashed_and_pickled():
    assert pickle.loads(pickle.dumps(SPEC)) == SPEC  # noqa: S301 - our own bytes
    assert len({SPEC, replace(SPEC)}) == 1


CHANGED = {
    "config": json.dumps({"seed": 1, "data_dir": "raw"}),
    "data": "prepared/y",
    "folder": "elsewhere",
    "architecture": Architecture({"op": "a"}).to_json(),
    "member": 1,
    "held_out": True,
    "train_rows": 10,
    "max_epochs": 3,
    "loss_rows": 9,
    "test": True,
    "encoding_search": "{}",
}
WITHOUT_EFFECT = {"folder", "max_epochs", "loss_rows", "test", "encoding_search"}
"""Fields of a spec that its weights do not depend on."""


@pytest.mark.parametrize("name", [field.name for field in fields(TrialSpec)])
def test_each_field_is_in_the_name_unless_weights_do_not_depend_on_it(name):
    changed = replace(SPEC, **{name: CHANGED[name]})
    assert changed != SPEC
    assert (changed.name == SPEC.name) == (name in WITHOUT_EFFECT)


@pytest.mark.parametrize(
    "change",
    [
        {"config": json.dumps({"seed": 0, "data_dir": "elsewhere", "prepared_dir": "there"})},
        {"data": "elsewhere/x"},
    ],
)
def test_other_places_continue_the_same_trial(change):
    assert replace(SPEC, **change).name == SPEC.name


def test_a_result_survives_a_checkpoint(tmp_path):
    result = TrialResult(
        "paused", {"click": binary_metrics(0.7, 0.6, 10, 40)}, 2, 3, 1.5, np.array([0.5, 0.25])
    )
    save_state(tmp_path / "state", {"result": result.to_state(), "none": TrialResult("held", {}).to_state()})
    state = load_state(tmp_path / "state")
    again = TrialResult.from_state(state["result"])
    assert replace(again, losses=None) == replace(result, losses=None)
    assert again.losses.tolist() == [0.5, 0.25]
    assert TrialResult.from_state(state["none"]) == TrialResult("held", {})


def test_each_architecture_has_a_folder_of_its_own():
    trials = Trials(replace(SPEC, architecture=None), Serial(lambda spec, listener: None))
    one, other = (trials.spec(Architecture({"op": op})) for op in ("a", "b"))
    assert one.folder == f"trials/{one.name}"
    assert one.folder != other.folder
    assert trials.spec(Architecture({"op": "a"}), max_epochs=4, loss_rows=2).folder == one.folder


def test_trials_run_in_turn_until_a_listener_has_enough():
    ran = []

    def run(spec, listener):
        ran.append(spec.max_epochs)
        listener(Warned(str(spec.max_epochs)))
        return TrialResult("done", {})

    specs = [replace(SPEC, max_epochs=k) for k in (1, 2, 3)]
    results = list(Serial(run).run(specs, lambda spec, event: spec.max_epochs < 2))
    assert ran == [1, 2]
    assert [spec for spec, _ in results] == specs[:2]
