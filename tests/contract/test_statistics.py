"""Fields with statistics, from the settings of a run to an exported network: every station knows of them."""

import numpy as np
import pytest

from automtl_core.dataset.encodings import FOLDS
from automtl_core.errors import UsageError
from automtl_core.modules.inputs import Inputs
from automtl_core.registry.kinds import SPACES
from automtl_core.registry.plugins import load_registry
from automtl_core.run_dir.run import Run
from automtl_core.training.loop import shuffled
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
    "space": {
        "name": "desan",
        "experts": 2,
        "blocks": 1,
        "embedding_dim": 4,
        "ops": ["identity", "mlp-linear-8"],
    },
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


def test_networks_are_as_before_without(line, folder):
    job = line.model("mmoe", [{**SMALL, "features": "ids", "prepared_dir": folder / "prepared"}])
    problem = job.problem(job.prepare())
    assert problem.data.train.folds is None
    assert problem.space.schema == job.prepare().schema
