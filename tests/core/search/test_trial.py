"""Trials are values: specs have names by what their weights depend on, results survive a checkpoint."""

import pickle
from collections import deque
from contextlib import nullcontext
from dataclasses import fields, replace

import numpy as np
import pytest

from automtl_core.choices import Architecture
from automtl_core.search.trial import Engine, Serial, Training, TrialResult, Trials
from automtl_core.settings.settings import Settings
from automtl_core.system.state import load_state, save_state
from automtl_core.training.events import Warned
from automtl_testing.samples import binary_metrics


class Config(Settings):
    seed: int = 0
    data_dir: str = "raw"
    prepared_dir: str = ""


SPEC = Training(config=Config(), data="prepared/x", folder="trials")
WEIGHTLESS = ("name", "overrides", "epochs", "loss_rows", "folder", "whole", "test", "encoding_search")


def test_a_training_is_a_value_whose_digest_stays():
    assert pickle.loads(pickle.dumps(SPEC)) == SPEC  # noqa: S301 - our own bytes
    assert len({SPEC, replace(SPEC)}) == 1
    assert SPEC.digest == "6b15c525d9aac2c2"
    for change in ({"config": Config(data_dir="elsewhere", prepared_dir="there")}, {"data": "elsewhere/x"}):
        assert replace(SPEC, **change).digest == SPEC.digest


@pytest.mark.parametrize("name", [field.name for field in fields(Training)])
def test_each_field_changes_the_name_or_is_listed(name):
    others = {bool: True, int: 7, str: "other", type(None): 7, tuple: (7,), Config: Config(seed=1)}
    others |= {dict: {"training": {"learning_rate": 0.1}}, Architecture: Architecture({"op": "identity"})}
    other = others[type(getattr(SPEC, name))]
    changed = replace(SPEC, **{name: other})
    assert (changed.digest == SPEC.digest) == (name in WEIGHTLESS)


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
    trials = Trials(SPEC, config=lambda overrides: Config(**overrides["run"]))
    trainings = [Training("it", Architecture({"op": op})) for op in ("a", "b")]
    one, other = map(trials.placed, trainings)
    assert one.folder == f"trials/{one.digest}"
    assert one.folder != other.folder
    assert trials.placed(replace(trainings[0], epochs=4, loss_rows=2)).folder == one.folder
    tuned = replace(trainings[0], overrides={"run": {"seed": 3}})
    assert trials.placed(tuned).folder != one.folder


def test_trials_run_in_turn_until_a_listener_has_enough():
    ran = []

    def run(spec, listener):
        ran.append(spec.epochs)
        listener(Warned(str(spec.epochs)))
        return TrialResult("done", {})

    specs = [replace(SPEC, epochs=k) for k in (1, 2, 3)]
    results = list(Serial(run).run(deque(specs), lambda spec, event: spec.epochs < 2))
    assert ran == [1, 2]
    assert [spec for spec, _ in results] == specs[:2]


class Queues(Settings):
    queue: str = "all"


class Queued(Engine[Queues]):
    """One trial after the other."""

    def executor(self, run_trial):
        return nullcontext(Serial(run_trial))


def test_an_engine_has_settings_and_a_number_of_workers():
    assert Queued.settings_class is Queues
    engine = Queued(Queues(queue="night"), 3)
    assert (engine.settings.queue, engine.workers) == ("night", 3)
