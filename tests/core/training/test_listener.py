import json

from automtl_core.training.listener import EpochReport, Silent
from automtl_core.training.metrics import BinaryMetrics

REPORT = EpochReport(
    "search", 3, {"click": 0.5, "buy": None}, {"click": BinaryMetrics(0.7, 0.6, 10, 4)},
    fixed={"op": "zero", "fields": ("a", "b")},
)  # fmt: skip


def test_a_report_is_one_line_of_json():
    told = json.loads(json.dumps(REPORT.to_json()))
    assert told["phase"] == "search"
    assert told["losses"] == {"click": 0.5, "buy": None}
    assert told["fixed"] == {"op": "zero", "fields": ["a", "b"]}
    assert told["validation"]["click"]["auc"] == 0.7


def test_who_is_silent_goes_on():
    assert Silent().step("train", 1, 10, 1, 64)
    assert Silent().epoch(REPORT)
