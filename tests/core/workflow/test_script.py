"""What a script can do without a plugin of its own."""

import json

import pytest

from automtl_core import seeds
from automtl_core.choices import draw
from automtl_core.errors import UnknownNameError
from automtl_core.registry.kinds import STRATEGIES
from automtl_core.registry.plugins import load_registry
from automtl_core.search.strategy import SearchResult, SearchStrategy
from automtl_core.workflow.workflow import Workflow

REGISTRY = load_registry()
SMALL = {
    "space": {"name": "desan", "embedding_dim": 4, "experts": 2, "blocks": 1, "ops": ["identity", "mlp-4"]},
    "strategy": "coin-flip",
    "dataset": {"name": "synthetic", "rows": 1000},
    "training": {"epochs": 1, "batch_size": 256},
}


class CoinFlip(SearchStrategy):
    """Decides everything at random."""

    def search(self, listener):
        generator = seeds.generator(self.problem.seed, "coin-flip")
        return SearchResult(draw(self.problem.space.choices(), generator))

    def state_dict(self):
        return {}

    def load_state_dict(self, state):
        pass


def test_a_strategy_that_a_script_adds_searches(tmp_path):
    line = Workflow(REGISTRY.adding(STRATEGIES, "coin-flip", CoinFlip))
    job = line.job([SMALL, {"prepared_dir": tmp_path / "prepared"}])
    found = line.search(job, tmp_path / "runs", "mine")
    choices = job.space(line.prepare(job)).choices()
    assert found.architecture == draw(choices, seeds.generator(0, "coin-flip"))
    assert set(found.result.test) == {"click", "like", "skip", "hide"}
    environment = json.loads((tmp_path / "runs/mine/environment.json").read_text())
    assert "script" in json.dumps(environment)
    assert line.evaluate(tmp_path / "runs/mine").repeats
    with pytest.raises(UnknownNameError, match=r"'coin-flip'.* not available: script none"):
        Workflow(REGISTRY).evaluate(tmp_path / "runs/mine")
