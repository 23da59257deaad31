"""How metrics are shown where tasks are of both kinds, labels are missing, and plugins have metrics."""

from dataclasses import replace

import pytest

from automtl_core.training.metric import ByUser, MetricValue
from automtl_inspection.sections import Grid
from automtl_report.metrics import metrics
from automtl_report.plain import cell
from automtl_testing.samples import binary_metrics, regression_metrics

CLICK = binary_metrics(0.71, 0.5, 1200, 4000)
PRICE = regression_metrics(3.20001, 2.1, 0.25, 3000)
RARE = binary_metrics(None, 0.01, 0, 50, "all 50 rows are negative")


def shown(test, least=1):
    """Return the lines of the table of test metrics, with one blank between cells."""
    grid, *notes = metrics(test, least)
    assert isinstance(grid, Grid)
    lines = [" ".join(" ".join(map(cell, row)).split()) for row in (grid.header, *grid.rows)]
    return [*lines, *(note.text for note in notes)]


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.000123456, "0.00012346"), (3.2, "3.2"), (54321.98, "54322"), (12345678.0, "1.2346e+07")],
)
def test_errors_large_or_small_can_be_read(value, text):
    assert shown({"price": regression_metrics(value, value, 0.5, 10)})[1].split()[1] == text


def test_tasks_with_too_few_rows_of_a_class_are_marked_and_not_in_the_mean():
    rare = binary_metrics(0.91, 0.02, 18, 4000)
    few = regression_metrics(3.0, 2.0, 0.5, 60)
    assert shown({"click": CLICK, "buy": rare, "price": few}, least=100) == [
        "task test AUC log loss test RMSE MAE R2 positives rows",
        "click 0.7100 0.5000 1,200 4,000",
        "buy * 0.9100 0.0200 18 4,000",
        "price * 3 2 0.5000 60",
        "* buy: 18 of 4,000 test rows are positive, too few of one class to be reliable "
        "(95 % interval of the AUC 0.8187 to 1.0000); not in the mean",
        "* price: 60 test rows have the label, too few to be reliable",
    ]


def test_what_is_undefined_is_explained():
    constant = regression_metrics(1.0, 1.0, None, 9, "all 9 labels are equal")
    nothing = regression_metrics(None, None, None, 0, "no row has a label")
    assert shown({"click": CLICK, "hide": RARE, "price": constant, "age": nothing})[2:] == [
        "hide * - 0.0100 0 50",
        "price 1 1 - 9",
        "age * - - - 0",
        "* hide: 0 of 50 test rows are positive, too few of one class to be reliable; not in the mean",
        "* age: 0 test rows have the label, too few to be reliable",
        "hide has no AUC: all 50 rows are negative",
        "price has no R2: all 9 labels are equal",
        "age has no RMSE, no MAE, no R2: no row has a label",
    ]


def registered(m, **values):
    """Return metrics with registered ones; None for one that a plugin failed to compute."""
    return replace(
        m,
        others={
            name: MetricValue(name.upper(), 1, value, m.rows, None if value is not None else f"no {name}")
            for name, value in values.items()
        },
    )


def test_registered_metrics_have_columns_behind_those_of_their_kind():
    test = {"click": registered(CLICK, gauc=0.65, ndcg=0.5), "like": registered(CLICK, gauc=0.55, ndcg=0.7)}
    assert shown(test)[-1] == "mean 0.7100 0.5000 0.6000 0.6000"
    assert shown({**test, "price": registered(PRICE, mape=0.123456)}) == [
        "task test AUC log loss GAUC NDCG test RMSE MAE R2 MAPE positives rows",
        "click 0.7100 0.5000 0.6500 0.5000 1,200 4,000",
        "like 0.7100 0.5000 0.5500 0.7000 1,200 4,000",
        "price 3.2 2.1 0.2500 0.12346 3,000",
    ]


def test_a_metric_without_any_value_has_no_column_but_a_reason():
    test = {"click": registered(CLICK, gauc=None, ndcg=0.5), "like": registered(CLICK, gauc=None, ndcg=None)}
    assert shown(test) == [
        "task test AUC log loss NDCG positives rows",
        "click 0.7100 0.5000 0.5000 1,200 4,000",
        "like 0.7100 0.5000 - 1,200 4,000",
        "mean 0.7100 0.5000 -",
        "click, like have no GAUC: no gauc",
        "like has no NDCG: no ndcg",
    ]


def by_user(value, users, all_users=5000, **others):
    of_users = ByUser(users, "with rows of both classes", all_users, 12000, 0.5, 0.01, **others)
    return {"gauc": MetricValue("GAUC", 1, value, 900, by_user=of_users)}


def notes(**values):
    """Return the lines below the table, of tasks with these metrics by user."""
    test = {task: replace(CLICK, others=others) for task, others in values.items()}
    return shown(test, least=100)[len(test) + 1 + (len(test) > 1) :]


def test_the_users_of_a_metric_are_named_and_tasks_with_one_fault_share_a_warning():
    assert notes(click=by_user(0.61, 312)) == [
        "GAUC: over 312 users with rows of both classes, of 5,000 users with 2.4 rows each on average; a "
        "random order has 0.5000"
    ]
    sentence, *_ = notes(click=by_user(0.61, 312), buy=by_user(0.7, 1250, 4000))
    assert "over 312 to 1,250 users" in sentence
    assert "of 4,000 to 5,000 users with 2.4 to 3.0 rows each" in sentence
    _, warning = notes(click=by_user(0.18, 312), buy=by_user(0.2, 312), like=by_user(0.7, 312))
    assert warning == (
        "warning: worse than a random order, beyond chance: GAUC of click 0.1800 "
        "(random 0.5000 ± 0.0100, 312 users), GAUC of buy 0.2000 (random 0.5000 ± 0.0100, 312 users)"
    )


@pytest.mark.parametrize(
    ("value", "about"),
    [
        (by_user(0.18, 312), "worse than a random order, beyond chance: GAUC of click 0.1800"),
        (by_user(0.18, 9), "worse than a random order, beyond chance: GAUC of click 0.1800"),
        (by_user(0.65, 12), "over fewer than 100 users, too few to be reliable: GAUC of click 0.6500"),
        (by_user(0.51, 312), "no different from a random order, beyond chance: GAUC of click 0.5100"),
        (by_user(0.65, 312, 11000), "GAUC says little, since most users have one row"),
        (by_user(0.65, 312, unit="buckets"), "GAUC is by hash bucket, not by user"),
    ],
)
def test_a_metric_that_says_nothing_has_a_warning(value, about):
    _, warning = notes(click=value)
    assert warning.startswith(f"warning: {about}")
