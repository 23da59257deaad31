"""The numbers, settings and sentences that listeners record."""

import pytest

from automtl_core.errors import UsageError
from automtl_core.search.evidence import Evidence
from automtl_core.training.events import EpochEnded, StepEnded
from automtl_core.training.metric import MetricValue
from automtl_listeners.listeners import Speed, check_installed, flat, in_words, of_epoch
from automtl_testing.samples import binary_metrics, regression_metrics


def test_the_speed_is_that_of_the_epoch_after_its_first_step():
    times = iter([100.0, 102.0, 104.0, 200.0, 201.0])
    speed = Speed(lambda: next(times))
    assert speed.rows_per_second() is None
    for done in (1, 2, 3):
        speed.step(StepEnded("train", 1, 3, done, 50 * done))
    assert speed.rows_per_second() == 25
    speed.step(StepEnded("train", 2, 3, 1, 50))
    assert speed.rows_per_second() is None
    speed.step(StepEnded("train", 2, 3, 2, 100))
    assert speed.rows_per_second() == 50


def test_an_epoch_has_losses_and_defined_metrics_by_phase_and_task():
    others = {"gauc": MetricValue("GAUC", 1, 0.6, 90), "ndcg-5": MetricValue("NDCG", 1, None, 0)}
    metrics = {
        "click": binary_metrics(0.7, 0.5, 4, 10, others=others),
        "price": regression_metrics(3.0, 2.0, 0.1, 10),
    }
    report = EpochEnded("warm-up", 3, {"click": 0.4, "price": None}, metrics, entropy=0.2)
    assert dict(of_epoch(report)) == {
        "warm-up/click/loss": 0.4,
        "warm-up/click/auc": 0.7,
        "warm-up/click/log_loss": 0.5,
        "warm-up/click/gauc": 0.6,
        "warm-up/price/rmse": 3.0,
        "warm-up/price/mae": 2.0,
        "warm-up/price/r2": 0.1,
        "warm-up/entropy": 0.2,
    }


def test_settings_are_named_by_their_path():
    settings = {"seed": 1, "space": {"name": "desan", "ops": ["zero"], "deep": {"a": None}}}
    assert dict(flat(settings)) == {
        "seed": 1, "space.name": "desan", "space.ops": ["zero"], "space.deep.a": None
    }  # fmt: skip


@pytest.mark.parametrize(
    ("evidence", "sentence"),
    [
        (
            Evidence("layer", "mlp-8", "chosen", "better", "zero", -0.01, 0.002),
            "layer: mlp-8 chosen instead of zero; effect on held-out loss -0.01000 ± 0.00200",
        ),
        (Evidence("gate", "user", "closed", "by logit"), "gate: user closed"),
    ],
)
def test_a_decision_in_words(evidence, sentence):
    assert in_words(evidence) == sentence


def test_a_missing_library_is_named_with_the_command_that_installs_it():
    with pytest.raises(UsageError, match="listeners: mlflow needs a library that is not installed") as raised:
        check_installed("automtl_no_such_library", "mlflow")
    assert raised.value.fix == "install it: pip install 'automtl[mlflow]'"
