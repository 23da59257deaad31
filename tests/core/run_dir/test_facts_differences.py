"""Differences of two records, in words."""

from automtl_core.run_dir.facts import differences


def test_each_changed_value_has_a_phrase_with_its_path():
    then = {"seed": 0, "training": {"epochs": 3, "loss_weights": {}}, "gone": 1}
    now = {"seed": 0, "training": {"epochs": 4, "loss_weights": {"click": 2.0}}}
    assert differences(then, now, "data.") == [
        "data.training.epochs was 3, is 4",
        "data.training.loss_weights.click was not there, is 2.0",
        "data.gone was 1, is not there",
    ]
    assert differences(then, then) == []
