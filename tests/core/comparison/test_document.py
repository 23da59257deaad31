"""What is reported where tasks are of both kinds and labels are missing, from made-up cells."""

import csv
import io
import json
from types import SimpleNamespace

import numpy as np
import pytest

from automtl_core.comparison.cells import Cell
from automtl_core.comparison.document import comma_separated, document, markdown, tables
from automtl_core.data.store import Part
from automtl_core.runs.job import Job
from automtl_core.schema import Schema, SparseField, Task
from automtl_core.training.metrics import BinaryMetrics, RegressionMetrics

CLICK, BUY = Task("click"), Task("buy")
PRICE, AGE = (Task(name, kind="regression") for name in ("price", "age"))
NAN = np.nan
LABELS = {
    "click": [1.0] * 40 + [0.0] * 40 + [NAN] * 20,
    "buy": [1.0] * 5 + [0.0] * 95,
    "price": [0.5] * 60 + [NAN] * 40,
    "age": [1.0] * 9 + [NAN] * 91,
}
AREAS = {"one.yaml": (0.70, 0.72), "two.yaml": (0.71, 0.74), "single-task": (0.69, 0.69)}
ERRORS = {"one.yaml": (20.0, 21.0), "two.yaml": (19.0, 19.5), "single-task": (18.0, 18.5)}


def prepared(tasks):
    labels = np.array([LABELS[task.name] for task in tasks], np.float32).T
    part = Part(np.zeros((100, 1), np.int32), np.zeros((100, 0), np.float32), labels)
    return SimpleNamespace(
        schema=Schema((SparseField("user", 9),), (), tuple(tasks)),
        manifest={
            "fingerprint": "0" * 64,
            "rows": {"train": 800, "validation": 100, "test": 100},
            "simulated": None,
        },
        part=lambda name: {"test": part}[name],
    )


def metrics(task, model, seed):
    if task.kind == "binary":
        return BinaryMetrics(AREAS[model][seed] - 0.1 * (task == BUY), 0.5, 40, 80)
    return RegressionMetrics(ERRORS[model][seed], ERRORS[model][seed] / 2, 0.25, 60)


@pytest.fixture
def compared(tiny, tmp_path):
    """Return a function that reports on two seeds of three models for some tasks."""

    def make(*tasks, reference="one.yaml"):
        jobs = {**tiny(), "single-task": tiny()["one.yaml"]}
        results = [
            (
                Cell(model, Job(job.config.model_copy(update={"seed": seed}), job.registry), tmp_path),
                {
                    "best_epoch": 1, "parameters": 9, "parameters_beside_embeddings": 8, "flops_per_row": 7,
                    "rows_per_second": 6.0, "seconds": {"search": 0.0, "train": 5.0},
                    "test": {task.name: metrics(task, model, seed).to_json() for task in tasks},
                },
            )
            for seed in (0, 1)
            for model, job in jobs.items()
        ]  # fmt: skip
        return document(prepared(tasks), jobs, results, reference, 1)

    return make


def titles(found):
    return [table.title.partition(",")[0] for table in tables(found)]


def table(found, title):
    return next(t for t in tables(found) if t.title.startswith(title))


def test_a_regression_has_errors_where_a_binary_task_has_its_auc(compared):
    found = compared(CLICK, PRICE, BUY)
    model = found["models"]["two.yaml"]
    assert set(model["auc"]) == set(model["log_loss"]) == {"click", "buy", "mean"}
    assert set(model["rmse"]) == set(model["mae"]) == set(model["r2"]) == {"price"}
    assert model["rmse"]["price"]["mean"] == 19.25
    assert titles(found)[:5] == ["test AUC", "test log loss", "test RMSE", "test MAE", "test R2"]
    assert table(found, "test RMSE").header == ["model", "price"]
    assert table(found, "test RMSE").rows[1] == ["two.yaml", "19.25 ± 0.35355"]


def test_there_is_no_mean_over_errors_nor_over_both_kinds(compared):
    found = compared(CLICK, PRICE, AGE)
    assert found["models"]["one.yaml"]["auc"]["mean"] == found["models"]["one.yaml"]["auc"]["click"]
    assert "mean" not in found["models"]["one.yaml"]["rmse"]
    only = compared(PRICE)
    assert "auc" not in only["models"]["one.yaml"]
    assert titles(only)[:3] == ["test RMSE", "test MAE", "test R2"]
    assert not [column for t in tables(only) for column in t.header if column == "mean"]


def test_differences_are_positive_where_a_model_is_better(compared):
    found = compared(CLICK, PRICE)
    assert found["differences"]["two.yaml"]["click"]["mean"] == pytest.approx(0.015)
    assert found["differences"]["two.yaml"]["price"]["mean"] == pytest.approx(1.25), "the RMSE falls"
    assert "AUC against one.yaml" in titles(found)
    rows = dict(table(found, "fall of RMSE against one.yaml").rows)
    assert rows["two.yaml"].startswith("+1.25 [")
    assert rows["single-task"].startswith("+2.25 [")


def test_transfer_of_a_regression_is_negative_where_its_rmse_is_higher_than_alone(compared):
    found = compared(CLICK, PRICE)
    assert found["transfer"]["one.yaml"]["click"]["mean"] == pytest.approx(0.02)
    assert found["transfer"]["one.yaml"]["price"]["mean"] == pytest.approx(-2.25)
    assert table(found, "fall of RMSE against single-task").rows[0][1].startswith("-2.25 [")


def test_only_rows_that_have_the_label_count(compared):
    found = compared(CLICK, BUY, PRICE, AGE)["tasks"]  # of which 30 rows are needed
    assert found == {
        "click": {"kind": "binary", "positives": 40, "rows": 80, "counts": True},
        "buy": {"kind": "binary", "positives": 5, "rows": 100, "counts": False},
        "price": {"kind": "regression", "positives": None, "rows": 60, "counts": True},
        "age": {"kind": "regression", "positives": None, "rows": 9, "counts": False},
    }


def test_tasks_that_say_nothing_are_marked_with_the_reason(compared):
    found = compared(CLICK, BUY, PRICE, AGE)
    assert table(found, "test AUC").header == ["model", "click", "buy *", "mean"]
    assert table(found, "test RMSE").header == ["model", "price", "age *"]
    assert "* age: 9 test rows have the label, too few to say anything" in table(found, "test AUC").notes
    assert markdown(found).count("* age:") == 1


def test_all_forms_hold_both_kinds(compared):
    found = compared(CLICK, PRICE)
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    rows = list(csv.DictReader(io.StringIO(comma_separated(found))))
    click, price = rows[:2]
    assert [click[key] for key in ("auc", "log_loss", "rmse", "mae", "r2", "positives", "rows")] == [
        "0.7", "0.5", "", "", "", "40", "80",
    ]  # fmt: skip
    assert [price[key] for key in ("auc", "log_loss", "rmse", "mae", "r2", "positives", "rows")] == [
        "", "", "20.0", "10.0", "0.25", "", "60",
    ]  # fmt: skip
    assert "| two.yaml | 19.25 ± 0.35355 |" in markdown(found)
