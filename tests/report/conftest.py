"""A small finished run with histories, evidence and importance."""

import pytest

import automtl
from automtl_core.registry.plugins import load_registry
from automtl_report.record import read_record

SETTINGS = {
    "dataset": {"kind": "history", "rows": 3000},
    "features": {
        "history": ["matches", "last-1"], "statistics": "none", "crosses": [], "wide": True,
        "numbers": "standard",
    },
    "space": {"layers": 1, "experts": 2, "blocks": 1, "ops": ["identity", "mlp-8"], "embedding_dim": 4},
    "strategy": {"candidates": 2, "rung_epochs": 1},
    "training": {"epochs": 2, "batch_size": 256, "embedding_decay": 0.01, "min_positives": 20},
}  # fmt: skip


@pytest.fixture(scope="session")
def recorded(tmp_path_factory):
    """The folder of the run; tests that change it copy it first."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("recorded"))
        found = automtl.search("synthetic", strategy="random", settings=SETTINGS, name="small")
        return found.path.absolute()


@pytest.fixture(scope="session")
def record(recorded):
    return read_record(recorded, load_registry())
