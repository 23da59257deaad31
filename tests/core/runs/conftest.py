import pytest

from automtl_core.plugins import load_registry
from automtl_core.runs.config import load_config
from automtl_core.runs.job import Job

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


@pytest.fixture
def common(tmp_path):
    """Return a function that makes the configuration that all models share."""

    def make(**changes):
        return Job.resolve(
            load_config(SMALL, {"prepared_dir": tmp_path / "prepared"}, changes), REGISTRY
        ).config

    return make
