import pytest

from automtl_core.config.config import default, load_config
from automtl_core.registry.plugins import load_registry
from automtl_core.workflow.job import Job

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
        "dataset": {"name": "synthetic", "rows": 2000},
        "training": {"batch_size": 256, "epochs": 3, "min_positives": 30},
        "prepared_dir": tmp_path / "prepared",
    }


@pytest.fixture
def small(common):
    """Return a function that makes the job of a small search."""

    def make(**changes):
        return Job.resolve(load_config(default(REGISTRY), common, SEARCH, changes), REGISTRY)

    return make
