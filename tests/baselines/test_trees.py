"""Trees of one task: what they learn, when they stop, and what is kept of them."""

import sys

import numpy as np
import pytest
import torch

from automtl_baselines.trees import Grower, Rows, Trees, check_installed
from automtl_core.errors import UsageError
from automtl_core.tasks.kinds import task_kind

pytest.importorskip("lightgbm", reason="LightGBM is not installed: pip install 'automtl[boosting]'")

PARAMS = {"learning_rate": 0.3, "num_leaves": 4, "min_data_in_leaf": 20}
GROWER = Grower(PARAMS, rounds=30, patience=5)


def rows(seed, count=600):
    """Return rows of a number that counts, also where it is missing, one of chance, and a category."""
    draw = np.random.default_rng(seed)
    columns = np.empty((count, 3), np.float32, order="F")
    columns[:, :2] = draw.standard_normal((count, 2))
    columns[draw.random(count) < 0.3, 0] = np.nan
    columns[:, 2] = draw.integers(0, 8, count)
    likely = np.isnan(columns[:, 0]) | (columns[:, 0] > 1) | np.isin(columns[:, 2], (2, 5))
    labels = (draw.random(count) < np.where(likely, 0.9, 0.1)).astype(np.float32)
    return Rows(columns, labels)


def grow(grower=GROWER, kind="binary", train=None, validation=None, going_on=lambda share: True, seed=0):
    train, validation = rows(1) if train is None else train, rows(2) if validation is None else validation
    return grower.grow(task_kind(kind), train, validation, [2], seed, going_on)


def logits_of(text, columns):
    trees = Trees()
    trees.take(text)
    return trees.predict_logits(columns)


def test_numbers_missing_ones_and_categories_are_learned():
    text = grow().text
    probe = np.array([[0, 0, 0], [np.nan, 0, 0], [2, 0, 0], [0, 0, 2], [0, 0, 5], [0, 3, 0]], np.float32)
    assert (logits_of(text, probe) > 0).tolist() == [False, True, True, True, True, False]


def test_growing_stops_where_validation_gets_no_better_and_keeps_the_best():
    grown, asked = grow(), []
    assert 1 <= grown.rounds < 25
    assert grown.score > 0.85
    again = grow(going_on=lambda share: asked.append(share) or True)
    assert again.text == grown.text
    assert asked == pytest.approx([done / 30 for done in range(1, len(asked) + 1)])
    assert len(asked) in (grown.rounds + 4, 30), "the fifth round without a better score is the last"


def test_who_is_told_to_end_keeps_what_is_best_so_far():
    assert grow(going_on=lambda share: False).rounds == 1
    assert grow(going_on=lambda share: share < 0.1).rounds <= 3


def test_where_validation_does_not_tell_there_are_as_many_trees_as_patience():
    for labels in (np.zeros(600, np.float32), np.ones(600, np.float32)):
        grown = grow(validation=Rows(rows(2).columns, labels))
        assert (grown.rounds, grown.score) == (5, -np.inf)
    nobody = Rows(rows(2).columns[:0], np.empty(0, np.float32))
    assert grow(validation=nobody).text == grown.text


def real(seed):
    drawn = rows(seed)
    return Rows(drawn.columns, drawn.labels * 2 - 1 + np.nan_to_num(drawn.columns[:, 0]) / 4)


def test_a_real_label_is_predicted_as_it_is_and_judged_by_its_variance():
    grown = grow(kind="regression", train=real(1), validation=real(2))
    errors = logits_of(grown.text, real(2).columns) - real(2).labels
    assert grown.score == pytest.approx(1 - np.mean(errors**2) / np.var(real(2).labels), abs=1e-6)
    assert grown.score > 0.4


def test_equal_seeds_give_equal_texts():
    bagged = Grower({**PARAMS, "bagging_fraction": 0.5}, 30, 5)
    assert grow(bagged).text == grow(bagged).text
    assert grow(bagged, seed=1).text != grow(bagged).text
    assert grow(bagged, seed=2**40 + 1).text == grow(bagged, seed=1).text, "LightGBM takes 31 bits"


def test_rows_tell_where_labels_differ():
    columns = np.zeros((2, 1), np.float32)
    assert [Rows(columns, np.array(labels, np.float32)).labels_differ for labels in ([], [1, 1], [0, 1])] == [
        False,
        False,
        True,
    ]


def test_trees_are_none_until_they_are_grown():
    trees = Trees()
    assert not trees.grown
    assert trees.predict_logits(np.ones((3, 2), np.float32)).tolist() == [0, 0, 0]


def test_a_state_of_any_length_is_taken_over():
    first, second = Trees(), Trees()
    first.take(grow().text)
    second.take(grow(seed=3, kind="regression").text)
    before = second.predict_logits(rows(3).columns)
    second.load_state_dict(first.state_dict())
    assert torch.equal(second.text, first.text)
    assert (second.predict_logits(rows(3).columns) == first.predict_logits(rows(3).columns)).all()
    assert (before != second.predict_logits(rows(3).columns)).any()
    second.load_state_dict(Trees().state_dict())
    assert not second.grown


def test_columns_behind_those_that_trees_read_are_left_out():
    drawn = rows(1)
    numbers = [Rows(each.columns[:, :2], each.labels) for each in (drawn, rows(2))]
    text = GROWER.grow(task_kind("binary"), *numbers, [], 0, lambda share: True).text
    assert (logits_of(text, drawn.columns) == logits_of(text, drawn.columns[:, :2])).all()


def test_lightgbm_that_is_missing_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "lightgbm", None)
    with pytest.raises(UsageError, match="boosting needs lightgbm") as error:
        check_installed()
    assert error.value.fix == "install it: pip install 'automtl[boosting]'"
    trees = Trees()
    trees.text = torch.ones(1, dtype=torch.uint8)
    for call in (grow, lambda: trees.predict_logits(rows(1).columns)):
        with pytest.raises(UsageError, match="boosting needs lightgbm"):
            call()


@pytest.mark.parametrize("raised", ["ImportError('broken')", "OSError('libgomp.so.1: cannot open')"])
def test_a_library_that_cannot_be_imported_is_named(tmp_path, monkeypatch, raised):
    (tmp_path / "lightgbm.py").write_text(f"raise {raised}")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "lightgbm")
    with pytest.raises(UsageError, match=r"which cannot be imported: \w+: (broken|libgomp)") as error:
        check_installed()
    assert "libgomp1" in str(error.value.fix)
