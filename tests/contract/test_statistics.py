"""Fields with statistics: every station knows of them, and none tells a row its own label."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from automtl_baselines.mlps import SharedBottom, SharedBottomSettings
from automtl_core.choices import Architecture
from automtl_core.data.fitting import fitted
from automtl_core.data.part import Part
from automtl_core.dataset.encodings import FOLDS, plain
from automtl_core.dataset.schema import Schema, SparseField, Task
from automtl_core.errors import UsageError
from automtl_core.modules.inputs import Inputs
from automtl_core.registry.kinds import SPACES
from automtl_core.registry.plugins import load_registry
from automtl_core.run_dir.run import Run
from automtl_core.training.compute import CPU
from automtl_core.training.events import EventHandler
from automtl_core.training.fit import Fit, TrainingData
from automtl_core.training.loop import shuffled
from automtl_core.training.recipe import Recipe
from automtl_core.workflow.job import Job
from automtl_core.workflow.workflow import Workflow
from automtl_export.folder import export

REGISTRY = load_registry()
SMALL = {
    "dataset": {"name": "synthetic", "rows": 1000},
    "training": {"epochs": 2, "batch_size": 256, "min_positives": 10},
    "features": "statistics",
}
SIZES = {"embedding_dim": 4, "experts": 2, "expert_layers": [8], "tower_layers": []}
SEARCH = {
    "space": {"experts": 2, "blocks": 1, "embedding_dim": 4, "ops": ["identity", "mlp-linear-8"]},
    "strategy": {"name": "pd-darts", "epochs": 1, "rounds": 1, "landmarks": 0, "rung_epochs": 1, "rows": 200},
}


@pytest.fixture(scope="module")
def line():
    return Workflow(REGISTRY)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("statistics")


@pytest.fixture(scope="module", params=["mmoe", "desan"])
def run(line, folder, request):
    """A finished run whose network reads statistics."""
    common = {**SMALL, "prepared_dir": folder / "prepared"}
    jobs = {
        "mmoe": lambda: line.model("mmoe", [{**common, "space": SIZES}]),
        "desan": lambda: line.job([{**common, **SEARCH}]),
    }
    job = jobs[request.param]()
    return Run.open(line.search(job, folder, request.param).path)


def test_an_evaluation_repeats_what_the_run_recorded(line, run):
    assert line.evaluate(run.path).repeats


def test_the_network_knows_what_training_rows_tell_and_no_more(line, run):
    made = line.trained(run)
    (inputs,) = (m for m in made.network.modules() if isinstance(m, Inputs))
    job = Job.resolve(run.config(), REGISTRY)
    prepared = job.prepare()
    _, fitted = prepared.fitted(job.space(prepared).schema)
    assert np.array_equal(inputs.statistics.table.numpy(), fitted.sparse[FOLDS])
    assert inputs.statistics.by_fold is None, "who only predicts needs no folds"


@pytest.mark.needs_extra("onnx")
def test_an_exported_network_predicts_as_the_run(line, run, tmp_path):
    made = line.trained(run)
    assert export(run, made, "onnx", tmp_path / "out", "", load_registry()).largest_difference < 1e-5


def test_training_rows_read_their_own_fold(line, folder):
    job = line.model("mmoe", [{**SMALL, "prepared_dir": folder / "prepared"}])
    problem = job.problem(job.prepare())
    network = problem.space.network(job.fixed_architecture(problem.space))
    features = next(shuffled(problem.data.train, problem.recipe, 0, 1, problem.compute)).features
    told = network.inputs.statistics(features)
    tables = problem.space.fitted.sparse
    places = features.ids + network.inputs.statistics.offsets
    assert np.array_equal(told.numpy(), tables[features.folds.numpy()[:, None], places.numpy()])
    assert len(np.unique(features.folds)) == FOLDS
    assert problem.data.validation.folds is None


def test_who_takes_no_statistics_says_so(line, folder, monkeypatch):
    monkeypatch.setattr(REGISTRY.get(SPACES, "mmoe"), "takes_encodings", False)
    job = line.model("mmoe", [{**SMALL, "prepared_dir": folder / "prepared"}])
    with pytest.raises(UsageError, match="mmoe reads the fields as they are"):
        job.problem(job.prepare())


RECIPE = Recipe(batch_size=512, epochs=6, patience=6, learning_rate=0.005, embedding_decay=0.1)
VALUES, ROWS, LOOKED = 1500, 6000, 4000


def rows(count, random, effect, unique):
    """Return rows of four values a user, of whom nothing is to be known, and of a kind that acts."""
    ids = np.stack([random.integers(1, VALUES, count), random.integers(1, 9, count)], axis=1)
    if unique:
        ids[:, 0] = np.arange(1, count + 1)
    logits = effect * np.linspace(-1, 1, 9)[ids[:, 1]]
    labels = (random.random(count) < 1 / (1 + np.exp(-logits)))[:, None]
    return Part(ids.astype(np.int32), np.zeros((count, 0), np.float32), labels.astype(np.float32))


def auc(effect=0.0, unique=False, folds=True, statistics="folds", users=True):
    """Return the validation AUC of a network."""
    random = np.random.default_rng(0)
    train, validation = rows(ROWS, random, effect, unique), rows(LOOKED, random, effect, False)
    size = ROWS + 1 if unique else VALUES
    if not users:
        train.ids[:, 0] = validation.ids[:, 0] = 0
    schema = Schema((SparseField("user", size), SparseField("kind", 9)), (), (Task("click"),))
    schema = schema.encoded(
        plain().with_answers(statistics=statistics, wide=True, crosses=(("user", "kind"),))
    )
    times = np.arange(ROWS, dtype=np.int32)
    found_folds, found = fitted(train, schema, times)
    torch.manual_seed(0)
    layers = SharedBottomSettings(expert_layers=(128, 64), tower_layers=(64,))
    space = SharedBottom(schema, layers, REGISTRY.op)
    space.fitted = found
    network = space.network(Architecture({}))
    data = TrainingData(replace(train, folds=found_folds if folds else None), validation, schema.tasks)
    return Fit(network, data, RECIPE, 0, CPU).run(EventHandler())["click"].score


@pytest.mark.parametrize("statistics", ["folds", "earlier"])
def test_labels_of_chance_stay_chance(statistics):
    assert auc(statistics=statistics) == pytest.approx(0.5, abs=0.02)


def test_a_row_that_sees_its_own_label_learns_to_read_it_and_nothing_else():
    known, blind = auc(effect=1.0), auc(effect=1.0, folds=False)
    assert known > 0.62
    assert blind < known - 0.03


def test_a_field_of_unique_values_adds_nothing():
    assert auc(effect=1.0, unique=True) == pytest.approx(auc(effect=1.0, users=False), abs=0.01)
