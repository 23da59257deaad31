"""Fixtures of small runs and of made-up comparisons, for tests of several packages."""

import pytest

import automtl
from automtl_comparison.document import ALONE, MEAN, CellResult, Comparison, ModelResult, Split
from automtl_comparison.statistics import Noise
from automtl_core.registry.plugins import load_registry
from automtl_core.run_dir.config import default, load_config
from automtl_core.run_dir.run import Run
from automtl_core.training.metrics import TaskMetrics
from automtl_core.workflow.job import Job
from automtl_core.workflow.workflow import Workflow
from automtl_report.record import read_record
from automtl_testing.samples import binary_metrics, regression_metrics

REGISTRY = load_registry()
SEARCH = {
    "space": {
        "embedding_dim": 4,
        "layers": 2,
        "experts": 2,
        "expert_width": 8,
        "blocks": 1,
        "numbers": "all",
        "ops": ["identity", "mlp-16"],
    },
    "strategy": {"name": "pd-darts-entropy", "warmup_epochs": 1, "search_epochs": 1},
}


@pytest.fixture
def common(tmp_path):
    """Return what all models share, as a layer."""
    return {
        "dataset": {"name": "synthetic", "rows": 1000},
        "training": {"batch_size": 256, "epochs": 3, "min_positives": 30},
        "prepared_dir": tmp_path.parent / "prepared",
    }


@pytest.fixture
def small(common):
    """Return a function that makes the job of a small search."""

    def make(**changes):
        return Job.resolve(load_config(default(REGISTRY), common, SEARCH, changes), REGISTRY)

    return make


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """Return the line, and a run that it made; its prepared data stays at hand."""
    folder = tmp_path_factory.mktemp("finished")
    line = Workflow(REGISTRY)
    layer = {
        "dataset": {"rows": 1000},
        "space": {"embedding_dim": 4, "experts": 2, "expert_width": 8, "ops": ["identity", "mlp-16"]},
        "strategy": {"name": "random", "candidates": 2, "rung_epochs": 1},
        "training": {"batch_size": 256, "epochs": 2},
        "prepared_dir": folder / "prepared",
    }
    job = line.job([layer])
    return line, Run.open(line.search(job, folder, "found").path)


RECORDED = {
    "dataset": {"kind": "history", "rows": 3000},
    "features": {
        "history": ["matches", "last-1"], "aggregates": [], "numbers": "standard",
    },
    "space": {"layers": 1, "experts": 2, "blocks": 1, "ops": ["identity", "mlp-8"], "embedding_dim": 4},
    "strategy": {"candidates": 2, "rung_epochs": 1},
    "training": {"epochs": 2, "batch_size": 256, "embedding_decay": 0.01, "min_positives": 20},
    "refit": False,
}  # fmt: skip


@pytest.fixture(scope="session")
def recorded(tmp_path_factory):
    """The folder of a small run with histories and importance; tests that change it copy it first."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("recorded"))
        found = automtl.search("synthetic", strategy="random", settings=RECORDED, name="small")
        return found.path.absolute()


@pytest.fixture(scope="session")
def small_record(recorded):
    """The record of the small run."""
    return read_record(recorded, REGISTRY)


FACTS = {
    "click": TaskMetrics("binary", {}, 80, 40),
    "buy": TaskMetrics("binary", {}, 100, 5),
    "price": TaskMetrics("regression", {}, 60),
    "age": TaskMetrics("regression", {}, 9),
}
AREAS = {"one.yaml": (0.70, 0.72), "two.yaml": (0.71, 0.74), "single-task": (0.69, 0.69)}
SHIFTED = {"same": (0.5, 0.5), "shifted": (0.55, 0.55)}
FLOPS = {"two.yaml": 5}
ERROR = 0.001
"""Standard error of every difference by the draw of test rows."""
ERRORS = {"one.yaml": (20.0, 21.0), "two.yaml": (19.0, 19.5), "single-task": (18.0, 18.5)}


def metrics(task, model, seed):
    rows = FACTS[task].rows
    if FACTS[task].kind == "binary":
        auc = {**AREAS, **SHIFTED}[model][seed]
        return binary_metrics(auc - 0.1 * (task == "buy"), 0.5, FACTS[task].positives, rows)
    return regression_metrics(ERRORS[model][seed], ERRORS[model][seed] / 2, 0.25, rows)


@pytest.fixture
def compared():
    """Return a function that makes up two seeds of some models for some tasks; `two.yaml` is cheap."""

    def cell(tasks, model, seed):
        test = {task: metrics(task, model, seed) for task in tasks}
        return CellResult(
            0, seed, f"{model}-s{seed}", 1, test, 9, 8, FLOPS.get(model, 10), 0.0, 5.0 + seed, None, False
        )

    def make(*tasks, reference="one.yaml"):
        facts, rows = {task: FACTS[task] for task in tasks}, {"train": 800, "validation": 100, "test": 100}
        models = SHIFTED if reference in SHIFTED else AREAS
        noises = dict.fromkeys([*tasks, MEAN], Noise(ERROR, 0.0))
        return Comparison(
            dataset="made-up",
            splits={0: Split("0" * 64, rows, facts)},
            user=None,
            min_positives=30,
            trials=1,
            reference=reference,
            models={
                model: ModelResult(
                    "mmoe",
                    "given",
                    {0: {"training.learning_rate": 0.002, "space.dropout": None}},
                    tuple(cell(tasks, model, seed) for seed in (0, 1)),
                )
                for model in models
            },
            noises={base: dict.fromkeys(models, noises) for base in (reference, ALONE)},
        )

    return make
