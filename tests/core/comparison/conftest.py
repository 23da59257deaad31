from contextlib import nullcontext

import pytest

from automtl_core.comparison.cells import Bench
from automtl_core.comparison.document import ALONE, MEAN, Comparison
from automtl_core.comparison.measured import CellCosts, Measured, ModelResult, Split, TaskFacts
from automtl_core.comparison.splits import in_split
from automtl_core.comparison.statistics import Noise
from automtl_core.registry.plugins import load_registry
from automtl_core.training.listener import Silent
from automtl_core.training.metrics import BinaryMetrics, RegressionMetrics
from automtl_core.workflow.models import models

REGISTRY = load_registry()
COMMON = {
    "dataset": {"name": "synthetic", "rows": 2000},
    "training": {"batch_size": 256, "epochs": 3, "min_positives": 30, "embedding_decay": 0.01},
    "inputs": "ids",
}
SEARCH = {
    "space": {
        "name": "desan",
        "embedding_dim": 4,
        "experts": 2,
        "expert_width": 8,
        "blocks": 1,
        "ops": ["identity", "mlp-16"],
    },
    "strategy": {"name": "pd-darts-entropy", "warmup_epochs": 1, "search_epochs": 1},
}
TINY = "space: {name: mmoe, embedding_dim: 4, experts: 1, expert_layers: [8], tower_layers: []}\n"


@pytest.fixture(scope="session")
def prepared_dir(tmp_path_factory):
    return tmp_path_factory.mktemp("comparison")


@pytest.fixture(scope="session")
def common(prepared_dir):
    """Return what all models share, as a layer."""
    return {**COMMON, "prepared_dir": prepared_dir}


@pytest.fixture(scope="session")
def prepared(common):
    """Return the data of split 0."""
    (job,) = models(["mmoe"], REGISTRY, common).values()
    return job.prepare()


@pytest.fixture(scope="session")
def both_splits(common, prepared):
    """Return the data of splits 0 and 1."""
    (job,) = models(["mmoe"], REGISTRY, common).values()
    return {0: prepared, 1: in_split(job, 1).prepare()}


@pytest.fixture(scope="session")
def tiny(tmp_path_factory, common):
    """Return a function that makes the jobs of two small models, `one.yaml` and `two.yaml`, and of more."""
    folder = tmp_path_factory.mktemp("models")
    for name, width in (("one", 8), ("two", 12)):
        (folder / f"{name}.yaml").write_text(TINY.replace("[8]", f"[{width}]"))
    paths = [str(folder / f"{name}.yaml") for name in ("one", "two")]

    def make(*more, **changes):
        return models([*paths, *more], REGISTRY, common, SEARCH if ":" in "".join(more) else {}, changes)

    return make


@pytest.fixture
def bench(tmp_path, prepared):
    """Return a function that makes a bench in one folder, and tells of its work: a list of (model, seed)."""

    def make(listener=None, splits=None, answered=lambda job, prepared: job):
        worked = []
        made = Bench(
            tmp_path / "out",
            splits or {0: prepared},
            lambda ahead: nullcontext(listener or Silent()),
            answered,
            on_work=lambda cell, which: worked.append((cell.model, cell.seed)),
            on_wait=lambda cell: pytest.fail(f"waits for {cell.path}"),
        )
        return made, worked

    return make


class StopAfter(Silent):
    """Listener that interrupts at the end of an epoch."""

    def __init__(self, epochs):
        self.epochs = epochs

    def epoch(self, report):
        self.epochs -= 1
        if self.epochs == 0:
            raise KeyboardInterrupt
        return True


class Count(Silent):
    """Listener that counts epochs."""

    epochs = 0

    def epoch(self, report):
        self.epochs += 1
        return True


@pytest.fixture
def stop_after():
    return StopAfter


@pytest.fixture
def count():
    return Count()


FACTS = {
    "click": TaskFacts("binary", 40, 80, True),
    "buy": TaskFacts("binary", 5, 100, False),
    "price": TaskFacts("regression", None, 60, True),
    "age": TaskFacts("regression", None, 9, False),
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
        return BinaryMetrics(auc - 0.1 * (task == "buy"), 0.5, FACTS[task].positives, rows)
    return RegressionMetrics(ERRORS[model][seed], ERRORS[model][seed] / 2, 0.25, rows)


@pytest.fixture
def compared():
    """Return a function that makes up two seeds of some models for some tasks; `two.yaml` is cheap."""

    def cell(tasks, model, seed):
        test = {task: metrics(task, model, seed) for task in tasks}
        return Measured(
            0, seed, f"{model}-s{seed}", 1, test, CellCosts(9, 8, FLOPS.get(model, 10), 0.0, 5.0 + seed, None)
        )

    def make(*tasks, reference="one.yaml"):
        facts, rows = {task: FACTS[task] for task in tasks}, {"train": 800, "validation": 100, "test": 100}
        models = SHIFTED if reference in SHIFTED else AREAS
        noises = dict.fromkeys([*tasks, MEAN], Noise(ERROR, 0.0))
        return Comparison(
            dataset="made-up",
            simulated=None,
            splits={0: Split("0" * 64, rows, facts)},
            user=None,
            min_positives=30,
            trials=1,
            reference=reference,
            models={
                model: ModelResult(
                    "mmoe",
                    "given",
                    {0: {"learning_rate": 0.002, "dropout": None}},
                    [cell(tasks, model, seed) for seed in (0, 1)],
                )
                for model in models
            },
            noises={base: dict.fromkeys(models, noises) for base in (reference, ALONE)},
        )

    return make
