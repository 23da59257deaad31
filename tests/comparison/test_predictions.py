"""Predictions of other systems in files: their rows, and their logits."""

import numpy as np
import pandas as pd
import pytest

from automtl_comparison.predictions import is_file, logits_of, table_of
from automtl_core.dataset.schema import Task
from automtl_core.errors import DataError, UsageError

TASKS = (Task("click"), Task("stay", kind="regression", mean=10.0, deviation=2.0))
ROWS = pd.DataFrame({"row": range(4), "user": ["a", "a", "b", None], "click": [0, 1, 0, 1], "stay": 1.0})
OTHER = pd.DataFrame({"row": range(4), "click": [0.1, 0.2, 0.5, 1.0], "stay": [8.0, 10.0, 12.0, 14.0]})


def read(folder, other, suffix=".csv", rows=ROWS, tasks=TASKS):
    rows.to_csv(folder / "new.csv", index=False)
    path = folder / f"other{suffix}"
    if suffix == ".parquet":
        other.to_parquet(path)
    else:
        other.to_csv(path, index=False, sep="\t" if suffix == ".tsv" else ",")
    notes, names = [], {task.name for task in tasks}
    own = table_of(str(folder / "new.csv"), names).drop(columns=["click", "stay"])
    return logits_of(str(path), table_of(str(path), names), own, tasks, notes), notes


@pytest.mark.parametrize("suffix", [".csv", ".tsv"])
@pytest.mark.parametrize("columns", [["row", "click", "stay"], ["click", "stay"]])
def test_predictions_are_logits_and_standardised_numbers(tmp_path, suffix, columns):
    found, notes = read(tmp_path, OTHER[columns], suffix)
    assert found[:3, 0] == pytest.approx(np.log(OTHER["click"] / (1 - OTHER["click"]))[:3])
    assert 20 < found[3, 0] < 40, "a probability of 1 has a finite logit"
    assert found[:, 1].tolist() == [-1.0, 0.0, 1.0, 2.0]
    assert [note.split("/")[-1] for note in notes] == (
        []
        if "row" in columns
        else [f"other{suffix} has no column of the rows: its predictions are matched by their order"]
    )


def test_predictions_are_put_into_the_order_of_the_rows(tmp_path):
    more = pd.concat([OTHER, OTHER.iloc[:1].assign(row=9, click=0.9)])
    found, _ = read(tmp_path, more.iloc[[4, 3, 1, 0, 2]])
    assert found[:, 1].tolist() == [-1.0, 0.0, 1.0, 2.0]
    both = OTHER.assign(user=ROWS["user"]).iloc[::-1]
    assert read(tmp_path, both)[0][:, 1].tolist() == [-1.0, 0.0, 1.0, 2.0]


WRONG = {
    "three rows in order": OTHER[["click", "stay"]].iloc[:3],
    "no row": OTHER.iloc[:0],
    "row 2 is missing": OTHER.iloc[[0, 1, 3]],
    "row 0 twice": OTHER.iloc[[0, 0, 1, 2, 3]],
    "a blank": OTHER.assign(click=[0.1, None, 0.3, 0.4]),
    "-3 as probability": OTHER.assign(click=[0.1, 0.2, -3.0, 0.4]),
    "x as number": OTHER.assign(stay=["1", "x", "3", "4"]),
}


def test_predictions_that_do_not_belong_to_the_rows(tmp_path, golden):
    golden.errors("wrong-predictions.txt", lambda name: read(tmp_path, WRONG[name]), WRONG)


def test_what_a_file_cannot_tell(tmp_path):
    with pytest.raises(UsageError, match="'click', of kind poisson, cannot be compared from a file"):
        read(tmp_path, OTHER, tasks=[Task("click", kind="poisson")])
    (tmp_path / "other.parquet").write_text("no parquet")
    with pytest.raises(DataError, match=r"other.parquet: ") as error:
        table_of(str(tmp_path / "other.parquet"), ())
    assert error.value.fix == "give a CSV, TSV or Parquet file"


def test_names_of_files():
    assert [is_file(name) for name in ("a.csv", "b/c.parquet", "d.tsv", "runs/mine", "runs/v1.2")] == [
        True, True, True, False, False,
    ]  # fmt: skip
