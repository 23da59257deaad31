import pytest

from automtl_core.comparison.cells import Bench
from automtl_core.plugins import load_registry
from automtl_core.runs.config import load_config
from automtl_core.runs.job import Job
from automtl_core.runs.models import models
from automtl_core.training.listener import Silent

REGISTRY = load_registry()
SMALL = {
    "dataset": {"rows": 2000},
    "space": {
        "embedding_dim": 4,
        "experts": 2,
        "expert_width": 8,
        "blocks": 1,
        "ops": ["identity", "mlp-16"],
    },
    "strategy": {"warmup_epochs": 1, "search_epochs": 1},
    "training": {"batch_size": 256, "epochs": 3, "min_positives": 30},
}
TINY = """
space: {name: mmoe, embedding_dim: 4, experts: 1, expert_layers: [8], tower_layers: []}
strategy: {name: given}
"""


@pytest.fixture
def common(tmp_path):
    """Return a function that makes the configuration that all models share."""

    def make(**changes):
        return Job.resolve(
            load_config(SMALL, {"prepared_dir": tmp_path / "prepared"}, changes), REGISTRY
        ).config

    return make


@pytest.fixture
def tiny(tmp_path, common):
    """Return the jobs of two small models, `one.yaml` and `two.yaml`, and the search `desan:pd-darts`."""
    for name, width in (("one", 8), ("two", 12)):
        (tmp_path / f"{name}.yaml").write_text(TINY.replace("[8]", f"[{width}]"))
    paths = [str(tmp_path / f"{name}.yaml") for name in ("one", "two")]

    def make(*more, **changes):
        return models([*paths, *more], common(**changes), REGISTRY)

    return make


@pytest.fixture
def bench(tmp_path, common):
    """Return a function that makes a bench in one folder, and tells of its work: a list of (model, seed)."""
    prepared = Job(common(), REGISTRY).prepare()

    def make(listener=None):
        worked = []
        made = Bench(
            tmp_path / "out",
            prepared,
            listener or Silent(),
            lambda cell: worked.append((cell.model, cell.seed)),
        )
        return made, worked

    return make
