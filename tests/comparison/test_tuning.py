"""Tuning: which recipes are tried, and which is taken."""

from types import SimpleNamespace

import pytest

from automtl_comparison.cells import recipe, tuned
from automtl_comparison.spec import compare
from automtl_core.errors import DivergedError, UsageError
from automtl_core.workflow import pipeline
from automtl_testing.samples import binary_metrics

pytestmark = pytest.mark.needs_extra("study")


class Given:
    """Bench on which the validation AUC of a job is given, None where it diverges."""

    def __init__(self, auc):
        self.auc = auc
        self.trials = []
        self.batches = []

    def cell(self, name, job):
        return Given.Cell(name, job)

    def trained(self, cells, called, then):
        self.trials += cells
        self.batches.append(len(cells))
        scores = {cell: self.auc(cell.job) for cell in cells}
        return {
            cell: SimpleNamespace(
                state="done",
                seconds=1.0,
                metrics={} if auc is None else {"click": binary_metrics(auc, 0.5, 500, 1000)},
                error=None if auc is not None else "the loss became nan",
            )
            for cell, auc in scores.items()
        }

    class Cell:
        def __init__(self, name, job):
            self.name = name
            self.job = job
            self.path = name, job.to_json()
            self.prepared = SimpleNamespace(
                part=lambda name: range(100), schema=SimpleNamespace(fields=lambda: ["item"])
            )


def rates(job):
    return job.config.training.learning_rate


def test_recipe_of_a_job(tiny):
    job = tiny()["one.yaml"]
    decay = job.config.training.embedding_decay
    assert recipe(job) == {
        "space.dropout": 0.2, "training.learning_rate": 2e-3, "training.embedding_decay": decay,
    }  # fmt: skip


def tried(job, trials=12):
    """Return the values of the settings that a study of a job tries; its score is the learning rate."""
    bench = Given(rates)
    tuned({"one": job}, trials, bench)
    return [recipe(cell.job) for cell in bench.trials]


def test_trials_are_of_the_domains_at_the_settings(tiny):
    found = tried(tiny()["one.yaml"])
    for name, low, high in [
        ("training.embedding_decay", 1e-5, 1e-1),
        ("training.learning_rate", 5e-4, 8e-3),
        ("space.dropout", 0, 0.4),
    ]:
        values = [each[name] for each in found]
        assert low <= min(values) < max(values) <= high
        assert len({*values}) > 8


def test_what_ignores_the_recipe_is_tuned_by_its_own_settings(tiny):
    job = tiny("boosting")["boosting"]
    own = {"space.learning_rate": 0.05, "space.leaves": 31, "space.min_rows": 20, "space.column_share": 0.8}
    assert recipe(job) == own
    found = tried(job, 6)
    assert found[0] == own
    assert all(each.keys() == own.keys() for each in found)
    assert all(isinstance(each["space.leaves"], int) for each in found)
    assert len({each["space.leaves"] for each in found}) > 3


def test_trials_follow_from_the_seed_and_scores_alone(tiny):
    one, other = tiny()["one.yaml"], tiny(seed=1)["one.yaml"]
    assert tried(one) == tried(one)
    assert tried(one)[1] != tried(other)[1]


def test_each_model_tries_as_many_settings_of_which_the_first_are_its_own(tiny):
    jobs, bench = tiny(), Given(rates)
    tuned(jobs, 6, bench)
    assert bench.batches == [8, 4]
    for name, job in jobs.items():
        found = [recipe(cell.job) for cell in bench.trials if cell.name == name]
        assert found[0] == recipe(job)
        assert len({tuple(values.items()) for values in found}) == 6


def test_later_trials_learn_from_earlier_ones(tiny):
    found = [each["training.learning_rate"] for each in tried(tiny()["one.yaml"], 40)]
    assert sum(found[-12:]) > 1.5 * sum(found[:12])


def test_a_value_outside_of_its_domain_is_the_first_one_tried(tiny):
    own = {"learning_rate": 0.05, "embedding_decay": 0.0, "epochs": 2}
    job = tiny(training=own)["one.yaml"]
    found = tried(job, 6)
    assert [each["training.embedding_decay"] for each in found] == [0.0] * 6, "0 is not on a log scale"
    assert found[0]["training.learning_rate"] == 0.05
    assert len({each["training.learning_rate"] for each in found}) == 6


def test_optuna_that_is_missing_is_told(monkeypatch, bench, tiny):
    monkeypatch.setattr("automtl_strategies.optuna_scheduler.find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"^tuning needs optuna$") as error:
        compare(tiny(), [0], 2, "one.yaml", bench()[0])
    assert error.value.fix == "install it: pip install 'automtl[study]'"


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
    with pytest.raises(DivergedError, match=r"training fails with all settings: the loss became nan$"):
        tuned(tiny(), 4, Given(lambda job: None))


def test_the_best_recipe_is_not_trained_again(tiny, bench, monkeypatch):
    run, trained = pipeline.run, []

    def watched(work, stages, **how):
        if stages == pipeline.FIT:
            trained.append(recipe(work.job))
        return run(work, stages, **how)

    monkeypatch.setattr(pipeline, "run", watched)
    made, worked = bench()
    job = tuned({"one.yaml": tiny()["one.yaml"]}, 2, made)["one.yaml"]
    made.tested([made.cell("one.yaml", job)])
    assert len(worked) == len(trained) == 2
    assert recipe(job) in trained
