from pathlib import Path

from automtl_core.training.events import EpochEnded, RunBegan
from automtl_testing import check_listener
from automtl_testing.samples import binary_metrics

from example_listener.listener import LearningCurves


def test_contract() -> None:
    check_listener(LearningCurves)


def test_a_run_that_continues_has_each_epoch_once(tmp_path: Path) -> None:
    first, second, again = (
        EpochEnded("train", epoch, {"click": 0.5}, {"click": binary_metrics(auc, 0.6, 40, 100)})
        for epoch, auc in ((1, 0.7), (2, 0.71), (2, 0.72))
    )
    for earlier, later in (((), [first, second]), ((first,), [again])):
        listener = LearningCurves(tmp_path, {})
        for event in (RunBegan(tmp_path, earlier), *later):
            listener.receive(event)
    _, *rows = listener.file.read_text(encoding="utf-8").splitlines()
    assert rows == ["train,1,click,0.5,0.7", "train,2,click,0.5,0.72"]
