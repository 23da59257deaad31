"""A board in a file, and the verdict on a model that predicts its rows."""

import numpy as np
import pandas as pd
import pytest
from boards import predictions, rows_of, said, stored, written

from automtl_comparison.board import FORMAT, judge, ranks, read, trainings
from automtl_core.errors import ArtifactError, DataError, InputMissingError, UsageError
from automtl_core.registry.plugins import load_registry
from automtl_core.tasks.builtin import auc, log_loss


@pytest.fixture(scope="module")
def board(tmp_path_factory):
    load_registry()
    return read(written(tmp_path_factory.mktemp("board") / "board.parquet"))


def test_scores_are_those_of_all_rows(board):
    shop = board.problems["shop"]
    assert {name: len(of) for name, of in shop.models.items()} == {
        "good": 3,
        "fair": 3,
        "poor": 3,
        "optimum": 1,
    }
    for measure, by_hand, sign in (("AUC", auc, 1), ("log loss", log_loss, -1)):
        found = trainings(shop, measure)
        for model, seed in (("good", 0), ("poor", 2)):
            logits = shop.models[model][seed]
            scores = [by_hand(of, logits[:, t]) for t, of in enumerate(shop.labels.values())]
            assert found[model].scores[seed] == pytest.approx(sign * np.mean(scores))
    assert trainings(board.problems["feed"], "GAUC") == {}, "its rows have no units"
    assert ranks({"shop": trainings(shop, "AUC")}) == {"good": 1.0, "fair": 2.0, "poor": 3.0}


@pytest.mark.parametrize("order", [None, 3])
def test_a_model_is_ahead_of_worse_ones_and_level_with_its_own_kind(board, tmp_path, order):
    found = judge(board, predictions(tmp_path, 0.7, order=order))
    assert {one.model: one.verdict for one in found.against} == {
        "good": "behind",
        "fair": "level",
        "poor": "ahead",
    }
    assert found.trainings == {"shop": 3, "feed": 3}
    assert found.notes == ()
    (good, fair, _) = found.against
    assert [*good.gains] == ["AUC", "GAUC", "log loss"]
    assert good.gains["AUC"].mean == pytest.approx(np.mean([d.mean for d in good.by_problem.values()]))
    assert good.gains["log loss"].mean < 0, "a larger loss is no gain"
    wider = fair.by_problem["shop"]
    assert wider.high - wider.low > fair.gains["AUC"].high - fair.gains["AUC"].low
    assert found.to_json()["against"][0]["verdict"] == "behind"


def test_names_and_numbers_are_taken_as_of_other_rows(board, tmp_path):
    expected = judge(board, name := predictions(tmp_path, 0.7))
    rows = pd.read_csv(name)
    rows = rows.assign(row=rows["row"].astype(float)).rename(columns=str.capitalize)
    rows.iloc[::-1].to_csv(name, index=False)
    found = judge(board, name)
    assert found.notes == ()
    for one, same in zip(found.against, expected.against, strict=True):
        assert one.gains["AUC"].mean == pytest.approx(same.gains["AUC"].mean)


def test_equal_predictions_under_several_seeds_are_one_training(board, tmp_path):
    alone = judge(board, name := predictions(tmp_path, 0.7, seeds=(7,), problems=("shop",)))
    rows = pd.read_csv(name)
    again = [rows.assign(seed=seed).sample(frac=1, random_state=seed) for seed in (1, 2, 3)]
    pd.concat(again).to_csv(name, index=False)
    found = judge(board, name)
    assert found.trainings == {"shop": 1}
    assert found.against == alone.against
    note = f"{name}, shop: 3 seeds count as 1, since equal predictions are one training"
    assert found.notes == (note, *alone.notes)


def test_predictions_of_the_other_class_are_noted(board, tmp_path):
    name = predictions(tmp_path, 0.7)
    rows = pd.read_csv(name)
    rows.assign(click=1 - rows["click"]).to_csv(name, index=False)
    [note] = judge(board, name).notes
    assert note.startswith(f"{name}, shop: the AUC of click is 0.2")


def test_one_training_has_the_variance_of_the_others_and_some_tasks_may_be_left_out(board, tmp_path):
    name = predictions(tmp_path, 0.7, seeds=(7,), problems=("shop",))
    rows = pd.read_csv(name).drop(columns=["seed", "buy"])
    rows.to_csv(name, index=False)
    found = judge(board, name)
    assert found.trainings == {"shop": 1}
    assert found.notes[0] == f"shop: without buy, which {name} does not predict"
    assert found.notes[1].startswith("one training on a problem")
    labels, logits = board.problems["shop"].labels["click"], said("shop", 0.7, 7)[:, 0]
    assert found.scores["shop"]["AUC"].mean == pytest.approx(auc(labels, logits))
    assert found.scores["shop"]["AUC"].spread is None


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda rows: rows.drop(columns="problem"), UsageError, "has no column 'problem'"),
        (lambda rows: rows.assign(problem="shops"), UsageError, "no problem is called 'shops'.*did you mean"),
        (lambda rows: rows.iloc[1:], DataError, "mine.csv, shop, seed 7: 1 of 1,500 rows have no prediction"),
        (lambda rows: rows.drop(columns="row").iloc[1:], DataError, "has 1,499 rows, and there are 1,500"),
        (lambda rows: rows.assign(click=rows.click.where(rows.row > 0)), DataError, "'click' of row 1: exp"),
        (lambda rows: rows.assign(click=2.0), DataError, "expected a probability, found '2.0'"),
        (lambda rows: rows[["problem", "row"]], DataError, "predicts no task of shop, which has buy, click"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_predictions_is_said(board, tmp_path, change, error, message):
    name = predictions(tmp_path, 0.7, seeds=(7,), problems=("shop",))
    change(pd.read_csv(name)).to_csv(name, index=False)
    with pytest.raises(error, match=message):
        judge(board, name)


def test_what_is_no_board(tmp_path):
    with pytest.raises(InputMissingError, match="there is no board") as error:
        read(tmp_path / "none.parquet")
    assert "a copy of the repository" in error.value.fix
    (text := tmp_path / "text.parquet").write_text("no parquet")
    with pytest.raises(ArtifactError, match=r"text.parquet: "):
        read(text)
    stored(other := tmp_path / "other.parquet", rows_of("feed"), {"format": FORMAT + 1})
    with pytest.raises(ArtifactError, match=f"expected a board of format {FORMAT}, found {FORMAT + 1}"):
        read(other)
