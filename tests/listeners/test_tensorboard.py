"""Event files hold each epoch once, also if another process continues the run."""

from pathlib import Path
from typing import Any

import pytest

from automtl_core.search.evidence import DecisionMade, Evidence
from automtl_core.training.events import EpochEnded, RunBegan
from automtl_testing import check_listener
from automtl_testing.samples import binary_metrics

pytest.importorskip("tensorboard", reason="TensorBoard is not installed: pip install 'automtl[tensorboard]'")

from automtl_listeners.listeners import FOLDER, TensorBoard


def report(epoch: int, auc: float) -> EpochEnded:
    return EpochEnded("train", epoch, {"click": 0.5}, {"click": binary_metrics(auc, 0.6, 4, 10)})


def read(run: Path) -> Any:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(run / FOLDER))
    events.Reload()
    return events


def test_it_keeps_the_contract():
    check_listener(TensorBoard)


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
