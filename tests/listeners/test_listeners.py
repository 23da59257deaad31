"""Event files for TensorBoard hold each epoch once."""

from dataclasses import replace
from pathlib import Path

import pytest

from automtl_core.search.evidence import DecisionMade, Evidence
from automtl_core.training.events import EpochEnded, RunBegan, StepEnded
from automtl_core.training.metric import MetricValue
from automtl_listeners.listeners import TensorBoard, in_words
from automtl_testing.samples import binary_metrics, regression_metrics


def report(epoch, auc):
    return EpochEnded("train", epoch, {"click": 0.5}, {"click": binary_metrics(auc, 0.6, 4, 10)})


def values_of(report, *steps):
    """Return the values of an epoch with these done steps, each at a time and with a number of rows."""
    times, listener = iter([time for _, time, _ in steps]), TensorBoard(Path("run"), {})
    listener.clock = lambda: next(times)
    for done, _, rows in steps:
        listener.receive(StepEnded("train", 1, 3, done, rows))
    return dict(listener.values(report))


@pytest.mark.parametrize(
    ("steps", "speed"),
    [
        ([], None),
        ([(1, 100.0, 50)], None),
        ([(1, 100.0, 50), (2, 102.0, 100), (3, 104.0, 150)], 25),
        ([(2, 90.0, 100), (1, 200.0, 50), (2, 201.0, 100)], 50),
    ],
)
def test_the_speed_is_that_of_the_epoch_after_its_first_step(steps, speed):
    assert values_of(report(1, 0.6), *steps).get("train/rows_per_second") == speed


def test_an_epoch_has_losses_and_defined_metrics_by_phase_and_task():
    others = {"gauc": MetricValue("GAUC", 1, 0.6, 90), "ndcg-5": MetricValue("NDCG", 1, None, 0)}
    metrics = {
        "click": binary_metrics(0.7, 0.5, 4, 10, others=others),
        "price": regression_metrics(3.0, 2.0, 0.1, 10),
    }
    epoch = EpochEnded("warm-up", 3, {"click": 0.4, "price": None}, metrics, entropy=0.2)
    assert values_of(epoch) == {
        "warm-up/click/loss": 0.4, "warm-up/click/auc": 0.7, "warm-up/click/log_loss": 0.5,
        "warm-up/click/gauc": 0.6, "warm-up/price/rmse": 3.0, "warm-up/price/mae": 2.0,
        "warm-up/price/r2": 0.1, "warm-up/entropy": 0.2,
    }  # fmt: skip


def test_a_decision_is_a_sentence_with_its_effect_and_the_interval():
    found = Evidence("layer", "mlp-8", "chosen", "better", against="zero", difference=-0.1)
    known = replace(found, error=0.01)
    effect = "layer: mlp-8 chosen instead of zero; effect on held-out loss -0.1000"
    low, high = known.interval
    assert (in_words(found), in_words(known)) == (effect, f"{effect} [{low:+.4f}, {high:+.4f}]")


pytest.importorskip("tensorboard", reason="TensorBoard is not installed: pip install 'automtl[tensorboard]'")


def read(run):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(run / "tensorboard"))
    events.Reload()
    return events


def test_epochs_that_another_process_trains_again_replace_the_earlier_ones(tmp_path):
    first = TensorBoard(tmp_path, {"seed": 0})
    first.receive(RunBegan(tmp_path))
    for epoch in (1, 2, 3):
        first.receive(report(epoch, 0.1 * epoch))
    first.close(KeyboardInterrupt())
    second = TensorBoard(tmp_path, {"seed": 0})
    second.receive(RunBegan(tmp_path, (report(1, 0.1), report(2, 0.2))))
    second.receive(DecisionMade(Evidence("layer", "mlp-8", "chosen", "better")))
    second.receive(report(3, 0.9))
    second.tested({"click": binary_metrics(0.8, 0.5, 4, 10)})
    second.close(None)
    events = read(tmp_path)
    values = [(one.step, round(one.value, 4)) for one in events.Scalars("train/click/auc")]
    assert values == [(1, 0.1), (2, 0.2), (3, 0.9)]
    assert [round(one.value, 4) for one in events.Scalars("test/click/auc")] == [0.8]
    (decisions,) = events.Tensors("decisions/text_summary")
    assert decisions.tensor_proto.string_val[0] == b"- `layer: mlp-8 chosen`"
