import re

import pytest

from automtl_comparison.cells import CellRunner, in_split
from automtl_comparison.spec import compare
from automtl_core.registry.plugins import load_registry
from automtl_core.search.trial import Serial, TrialBegan, TrialWaits
from automtl_core.training.events import SILENT, EventHandler
from automtl_core.workflow.models import models
from automtl_core.workflow.run_trial import TrialRunner

REGISTRY = load_registry()
COMMON = {
    "dataset": {"name": "synthetic", "rows": 1000},
    "training": {"batch_size": 256, "epochs": 3, "min_positives": 30, "embedding_decay": 0.01},
    "features": "ids",
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


@pytest.fixture(scope="session")
def whole(tmp_path_factory, tiny, prepared):
    """Return the comparison of the two small models with two seeds, and the folder of its cells."""
    folder = tmp_path_factory.mktemp("whole") / "out"
    runner = CellRunner(folder, {0: prepared}, Serial(TrialRunner(REGISTRY, prepared)), SILENT, as_it_is)
    return compare(tiny(), [0, 1], 0, "one.yaml", runner), folder


def as_it_is(job, prepared, then):
    """Answer nothing that a model leaves open."""
    return job


@pytest.fixture
def bench(tmp_path, prepared):
    """Return a function that makes a bench in one folder, and tells of its work: a list of (model, seed)."""

    def make(listener=None, splits=None, resolve_auto=as_it_is):
        worked, splits = [], splits or {0: prepared}

        def hear(event):
            match event:
                case TrialBegan(title) if title:
                    model, seed = re.search(r": (.*), seed (\d+), split", title).groups()
                    worked.append((model, int(seed)))
                case TrialWaits(title):
                    pytest.fail(f"waits for {title}")
            return (listener or SILENT)(event)

        executor = Serial(TrialRunner(REGISTRY, *splits.values()))
        return CellRunner(tmp_path / "out", splits, executor, hear, resolve_auto), worked

    return make


class Count(EventHandler):
    """Listener that counts epochs."""

    epochs = 0

    def epoch(self, report):
        self.epochs += 1
        return True


@pytest.fixture
def count():
    return Count()
