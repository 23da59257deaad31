"""Tuning: which recipes are tried, and which is taken."""

from types import SimpleNamespace

import pytest

from automtl_core.comparison.tuning import drawn, recipe, tuned
from automtl_core.errors import DivergedError
from automtl_core.settings.domain import domains
from automtl_core.training.metrics import BinaryMetrics
from automtl_core.training.recipe import Recipe
from automtl_core.workflow import pipeline


class Given:
    """Bench on which the validation AUC of a job is given, None where it diverges."""

    def __init__(self, auc):
        self.auc = auc
        self.trials = []

    def cell(self, name, job):
        return Given.Cell(name, job)

    def trained(self, cells, called, then):
        self.trials = cells
        scores = {cell: self.auc(cell.job) for cell in cells}
        return {
            cell: SimpleNamespace(
                metrics={} if auc is None else {"click": BinaryMetrics(auc, 0.5, 500, 1000)}
            )
            for cell, auc in scores.items()
        }

    class Cell:
        def __init__(self, name, job):
            self.name = name
            self.job = job


def rates(job):
    return job.config.training.learning_rate


def test_recipe_of_a_job(tiny):
    job = tiny()["one.yaml"]
    decay = job.config.training.embedding_decay
    assert recipe(job) == {
        "space.dropout": 0.2, "training.learning_rate": 2e-3, "training.embedding_decay": decay,
    }  # fmt: skip


def test_draws_are_of_the_domains_at_the_settings(tiny):
    job = tiny()["one.yaml"]
    draws = [recipe(drawn(job, number)) for number in range(1, 40)]
    assert {draw["training.embedding_decay"] for draw in draws} == {
        *domains(Recipe)["embedding_decay"].choices
    }
    rates, dropouts = ([draw[key] for draw in draws] for key in ("training.learning_rate", "space.dropout"))
    assert 5e-4 <= min(rates) < 1e-3 < 4e-3 < max(rates) <= 8e-3
    assert 0 <= min(dropouts) < 0.1 < 0.3 < max(dropouts) <= 0.4


def test_what_ignores_the_recipe_is_tuned_by_its_own_settings(tiny):
    job = tiny("boosting")["boosting"]
    assert recipe(job) == {
        "space.learning_rate": 0.05, "space.leaves": 31, "space.min_rows": 20, "space.column_share": 0.8,
    }  # fmt: skip
    draws = [drawn(job, number) for number in range(1, 40)]
    assert all(one.config.training == job.config.training for one in draws)
    assert len({recipe(one)["space.leaves"] for one in draws}) > 20


def test_models_draw_the_same_of_what_they_have_in_common(tiny):
    mine = tiny()["one.yaml"]
    other = tiny("desan:pd-darts-entropy")["desan:pd-darts-entropy"]
    assert other.config.space.name != mine.config.space.name
    assert recipe(drawn(mine, 3)) == recipe(drawn(other, 3))


def test_draws_follow_from_the_seed_and_the_number_alone(tiny):
    jobs = tiny()
    other = tiny(seed=1)["one.yaml"]
    assert recipe(drawn(jobs["one.yaml"], 1)) == recipe(drawn(jobs["two.yaml"], 1))
    assert recipe(drawn(jobs["one.yaml"], 1)) != recipe(drawn(jobs["one.yaml"], 2))
    assert recipe(drawn(jobs["one.yaml"], 1)) != recipe(drawn(other, 1))


def test_all_models_try_the_same_recipes_of_which_the_first_is_their_own(tiny):
    jobs, bench = tiny(), Given(rates)
    tuned(jobs, 3, bench)
    assert [cell.name for cell in bench.trials] == ["one.yaml"] * 3 + ["two.yaml"] * 3
    one, two = ([recipe(cell.job) for cell in bench.trials if cell.name == name] for name in jobs)
    assert one == two
    assert one[0] == recipe(jobs["one.yaml"])
    assert len({tuple(values.items()) for values in one}) == 3


@pytest.mark.parametrize(("auc", "best"), [(rates, max), (lambda job: 1 - rates(job), min)])
def test_a_model_takes_the_recipe_that_is_best_on_validation_data(tiny, auc, best):
    bench = Given(auc)
    found = tuned(tiny(), 6, bench)
    for name, job in found.items():
        assert rates(job) == best(rates(cell.job) for cell in bench.trials if cell.name == name)


def test_recipes_that_diverge_are_left_out_unless_that_leaves_none(tiny):
    own = rates(tiny()["one.yaml"])
    found = tuned(tiny(), 16, Given(lambda job: None if rates(job) >= own else rates(job)))
    assert all(rates(job) < own for job in found.values())
    with pytest.raises(DivergedError, match="training diverges with all settings"):
        tuned(tiny(), 4, Given(lambda job: None))


def test_the_best_recipe_is_not_trained_again(tiny, bench, monkeypatch):
    fit, trained = pipeline.fit, []

    def watched(job, *rest, **how):
        trained.append(recipe(job))
        return fit(job, *rest, **how)

    monkeypatch.setattr(pipeline, "fit", watched)
    made, worked = bench()
    job = tuned({"one.yaml": tiny()["one.yaml"]}, 2, made)["one.yaml"]
    made.tested([made.cell("one.yaml", job)])
    assert len(worked) == len(trained) == 2
    assert recipe(job) in trained
