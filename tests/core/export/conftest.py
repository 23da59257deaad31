"""A finished run to export."""

import pytest

from automtl_core.registry.plugins import load_registry
from automtl_core.run_dir.run import Run
from automtl_core.workflow.workflow import Workflow

SMALL = {
    "dataset": {"rows": 2000},
    "space": {"embedding_dim": 4, "experts": 2, "expert_width": 8, "ops": ["identity", "mlp-16"]},
    "strategy": {"name": "random", "candidates": 2, "rung_epochs": 1},
    "training": {"batch_size": 256, "epochs": 2},
}


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """Return the line, and a run that it made; its prepared data stays at hand."""
    folder = tmp_path_factory.mktemp("export")
    line = Workflow(load_registry())
    job = line.job([{**SMALL, "prepared_dir": folder / "prepared"}])
    return line, Run.open(line.search(job, folder, "found").run)
