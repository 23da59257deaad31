"""What a search costs is counted, and that of a random search of as many candidates as cost the same."""

import pytest

from automtl_core.registry.plugins import load_registry
from automtl_core.training.fit import NORM_ROWS
from automtl_core.workflow.workflow import Workflow
from search_quality import candidates, spent, with_candidates

SMALL = {
    "dataset": {"name": "synthetic", "rows": 500},
    "space": {"experts": 2, "embedding_dim": 4},
    "training": {"epochs": 2, "batch_size": 256},
}


@pytest.fixture(scope="module")
def line_and_jobs(tmp_path_factory):
    line = Workflow(load_registry())
    common = {**SMALL, "prepared_dir": str(tmp_path_factory.mktemp("prepared"))}
    jobs = line.models(["mmoe", "desan:random"], [common])
    return line.prepare(jobs["mmoe"]), jobs


def test_a_training_costs_three_passes_over_rows_to_learn_from_and_one_over_others(line_and_jobs):
    prepared, jobs = line_and_jobs
    found = spent("mmoe", jobs["mmoe"], prepared)
    train, validation = (len(prepared.part(name)) for name in ("train", "validation"))
    rows = 2 * (3 * train + validation + min(train, NORM_ROWS))
    assert found.gigaflops * 1e9 == pytest.approx(found.flops_per_row * rows, rel=0.02)


def test_as_many_candidates_as_a_random_search_has_cost_what_it_costs(line_and_jobs):
    prepared, jobs = line_and_jobs
    random = jobs["desan:random"]
    few, budget = (spent("random", with_candidates(random, n), prepared).gigaflops for n in (2, 8))
    assert few < budget / 2
    assert candidates(budget, random, prepared, few=2, most=20) in (7, 8, 9)
