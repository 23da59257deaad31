"""Means, paired differences and the influence of units, by hand and against a bootstrap."""

import numpy as np
import pytest

from automtl_comparison import cells, statistics
from automtl_comparison.cells import FILE, influences_of
from automtl_comparison.statistics import Noise, influences, noise, paired, summary, trend
from automtl_core.dataset.schema import Task
from automtl_core.errors import RunInUseError
from automtl_core.registry.plugins import load_registry
from automtl_core.run_dir.facts import Result, Status
from automtl_core.run_dir.run import Run
from automtl_core.system.state import load_state, save_state
from automtl_core.training.events import EventHandler
from automtl_core.training.significance import SMALLEST, Difference, clusters, error_of_mean
from automtl_core.workflow import pipeline
from automtl_core.workflow.work import Work
from errors_of_scores import generated, ratios

NONE = Noise(0.0, 0.0)
"""As if all rows there are had been tested."""


def test_differences_follow_students_t_where_rows_contribute_nothing():
    found = paired([11.0, 22.0, 33.0], [10.0, 20.0, 30.0], NONE)
    # differences 1, 2, 3: mean 2, standard error 1 / sqrt(3), t = 3.4641 with 2 degrees of freedom
    assert found.mean == pytest.approx(2.0)
    assert found.p == pytest.approx(0.0742, abs=1e-4)
    assert (found.low, found.high) == pytest.approx((2 - 4.3027 * 3**-0.5, 2 + 4.3027 * 3**-0.5), abs=1e-4)
    values, reference = [0.70, 0.80, 0.91], [0.69, 0.79, 0.90 - 1e-6]
    assert paired(values, reference, NONE).p < 0.01
    assert summary([1.0, 2.0, 3.0]).mean == 2.0
    assert summary([1.0, 2.0, 3.0]).spread == pytest.approx(1.0)
    assert summary([1.0]).spread is None


def test_rows_tell_the_chance_of_one_cell_and_nothing_where_they_are_unknown():
    found = paired([0.8], [0.7], Noise(0.05, 0.0))
    assert found.p == pytest.approx(0.0455, abs=1e-4), "two standard errors of a normal distribution"
    assert (found.low, found.high) == pytest.approx((0.1 - 1.96 * 0.05, 0.1 + 1.96 * 0.05), abs=1e-4)
    assert paired([0.8, 0.9], [0.7, 0.7], None) == Difference(pytest.approx(0.15), cells=2)
    assert paired([1.0], [0.0], Noise(1e-3, 0.0)).p == SMALLEST


@pytest.mark.parametrize(("values", "p"), [([0.5, 0.6], 1.0), ([0.75, 0.85], 0.0)])
def test_equal_differences_of_all_rows_need_no_t(values, p):
    found = paired(values, [0.5, 0.6], NONE)
    assert found.p == p
    assert found.low == found.high == pytest.approx(values[0] - 0.5)


def test_rows_and_cells_add_up_with_degrees_of_freedom_between():
    # differences 1, 2, 3: variance 1, of which rows explain 0.36; (1 - 0.36) / 3 + 0.04 = 0.25333
    found = paired([1.0, 2.0, 3.0], [0.0, 0.0, 0.0], Noise(0.2, 0.6))
    freedom = 0.253333**2 / ((1 / 3) ** 2 / 2)  # below the 2 of the cells, which it may not be
    assert freedom < 2
    assert found.high - found.mean == pytest.approx(4.3027 * 0.253333**0.5, abs=1e-4)
    more = paired([1.0, 2.0, 3.0], [0.0, 0.0, 0.0], Noise(1.0, 0.0))
    # variance 4 / 3, freedom 2 * (4 / 3 * 3 / 1)^2 = 32: t = 2.0369
    assert more.high - more.mean == pytest.approx(2.0369 * (4 / 3) ** 0.5, abs=1e-4)


def test_noise_of_cells_on_the_same_rows_and_on_rows_of_their_own():
    shared, own = np.array([0.3, 0.0, 0.0]), np.array([[0.0, 0.4, 0.0], [0.0, 0.0, 0.4]])
    assert noise([(0, shared), (0, shared)]) == Noise(pytest.approx(0.3), pytest.approx(0.0, abs=1e-12))
    apart = Noise(pytest.approx(0.4 / 2**0.5), pytest.approx(0.4))
    assert noise([(0, own[0]), (0, own[1])]) == noise([(0, own[0]), (1, own[0])]) == apart
    assert noise([(0, shared)]) == Noise(pytest.approx(0.3), 0.0)
    assert noise([(0, shared), (1, np.full(5, np.nan))]) is None


@pytest.mark.parametrize(
    ("splits", "runs", "sizes"),
    [(1, 3, (1.0, 0.0, 0.0)), (1, 3, (0.3, 1.0, 0.3)), (3, 1, (0.5, 1.0, 0.3)), (2, 3, (1.0, 1.0, 0.5))],
)
def test_where_there_is_no_difference_one_is_seen_in_about_five_cases_of_a_hundred(splits, runs, sizes):
    rng, (of_runs, of_rows, of_networks) = np.random.default_rng(1), sizes
    cells, cases = splits * runs, 800

    units = 400
    split = np.repeat(np.arange(splits), runs)
    shared, own = rng.normal(0, of_rows, (splits, units))[split], rng.normal(0, of_networks, (cells, units))
    influence = (shared + own) / units**0.5  # [C, U]
    rows = noise([*zip(split, influence, strict=True)])
    of_units = rng.normal(size=(cases, splits, units))[:, split]
    found = (of_units * influence).sum(2) + rng.normal(0, of_runs, (cases, cells))
    wrong = np.mean([paired(case, [0.0] * cells, rows).p < 0.05 for case in found])
    assert 0.015 < wrong < 0.075
    planted = 6 * (rows.error**2 + of_runs**2 / cells) ** 0.5  # six true standard errors
    assert np.mean([paired(case + planted, [0.0] * cells, rows).p < 0.05 for case in found]) > 0.8


def test_an_interval_excludes_0_where_the_corrected_p_value_is_below_5_percent():
    for mean, looks in ((0.0224, 2), (-0.0225, 2), (0.0196, 1), (0.0258, 5)):
        found = Difference.of(mean, 0.01, looks)
        assert found.adjusted_p == pytest.approx(looks * found.p)
        assert (found.standing() == "level") == (found.adjusted_p >= 0.05) == (found.low <= 0 <= found.high)
    assert [Difference.of(m, 0.002).standing(0.001) for m in (0.006, 0.004, -0.006)] == [
        "ahead",
        "level",
        "behind",
    ]
    assert Difference.of(0.1, None).standing() is None


CLICK = Task("click")
PRICE = Task("price", kind="regression", deviation=3.0)
NAN = np.nan


def labelled(kind, rows):
    """Return labels [R], and two predictors of them, [2, R]."""
    labels, logits, _ = generated(kind, rows, 0, 0, (0.3, 0.6))
    return labels, logits


@pytest.mark.parametrize(
    ("kind", "users", "within"),
    [
        ("binary", 0, 0.06),
        ("binary", 90, 0.06),
        ("binary by gauc", 90, 0.08),
        ("binary by ndcg-10", 90, 0.08),
        ("binary by pr-auc", 0, 0.2),
        ("binary by ne", 0, 0.2),
        ("regression", 90, 0.08),
        ("poisson", 0, 0.06),
        ("censored", 0, 0.06),
    ],
)
def test_influences_have_the_error_of_a_bootstrap_by_units(kind, users, within):
    """`benchmarks/errors_of_scores.py` does it for more sizes and draws."""
    load_registry()
    assert ratios(Task("task", kind=kind), 700, users, 1, 500) == pytest.approx(1, rel=within)


def test_units_are_users_lists_or_rows():
    labels, (logits, _) = labelled("binary", 300)
    ten = np.repeat(np.arange(1, 301, dtype=np.int32), 10)
    repeated = [np.repeat(each, 10)[:, None] for each in (labels, logits)]
    by_user = influences([CLICK], *repeated, ten, None)
    by_row = influences([CLICK], labels[:, None], logits[:, None], None, None)
    assert by_user == pytest.approx(by_row), "ten equal rows of a user are one observation"
    assert np.array_equal(influences([CLICK], *repeated, None, ten), by_user)
    unknown = influences([CLICK], labels[:, None], logits[:, None], np.arange(300).clip(249) - 249, None)
    assert np.linalg.norm(unknown) == pytest.approx(np.linalg.norm(by_row)), "users that are 0 are apart"
    assert error_of_mean(np.repeat(logits, 10), ten) == pytest.approx(error_of_mean(logits))
    assert np.array_equal(clusters(9, np.ones(9)), range(9)), "one user alone tells nothing of other users"


def test_many_units_are_put_together(monkeypatch):
    labels, (logits, _) = labelled("binary", 4000)
    each = influences([CLICK], labels[:, None], logits[:, None], None, None)
    monkeypatch.setattr(statistics, "MOST", 800)
    together = influences([CLICK], labels[:, None], logits[:, None], None, None)
    assert together.shape == (1, 800)
    assert np.linalg.norm(together) == pytest.approx(np.linalg.norm(each), rel=0.06)


def test_rows_without_a_label_do_not_count_and_errors_are_in_units_of_the_label():
    labels, logits = labelled("regression", 80)
    labels[::3] = NAN
    found = influences([PRICE, CLICK], np.stack([labels, np.ones(80)], 1), logits.T, None, None)
    known = ~np.isnan(labels)
    alone = influences([PRICE], labels[known, None], logits[0, known, None], None, None)
    assert found[0, known] == pytest.approx(alone[0])
    assert not found[0, ~known].any()
    assert np.isnan(found[1]).all(), "an AUC of one class"
    squared = (logits[0] - labels)[known] ** 2
    assert found[0, known] == pytest.approx(3 * (squared - squared.mean()) / 2 / squared.mean() ** 0.5 / 53)
    assert np.isnan(influences([PRICE], np.full((3, 1), NAN), np.zeros((3, 1)), None, None)).all()


@pytest.fixture
def tested(tiny, bench):
    """Return the job, run and data of a tested cell."""
    made, _ = bench()
    cell = made.cell("one.yaml", tiny()["one.yaml"])
    with pipeline.start(cell.job, cell.prepared, cell.path, cell.job.checked(cell.prepared)) as run:
        pipeline.run(Work(cell.job, run, cell.prepared, EventHandler()))
    return cell.job, Run.open(cell.path), cell.prepared


@pytest.fixture
def computed(monkeypatch):
    """Return a list that grows with each computation."""
    seen = []
    monkeypatch.setattr(cells, "influences", lambda *given: (seen.append(given), influences(*given))[1])
    return seen


def test_influences_are_kept(tested, computed):
    job, run, prepared = tested
    found = influences_of(job, run, prepared)
    assert set(found) == set(run.read(Result).test)
    again = influences_of(job, run, prepared)
    assert all(np.array_equal(found[task], again[task], equal_nan=True) for task in found)
    assert len(computed) == 1
    assert not np.any(computed[0][-2]), "synthetic data has no users"
    assert (run.path / FILE).stat().st_size < 50_000
    assert run.read(Status).state == "done"


def damaged(path):
    path.write_bytes(path.read_bytes()[:-9])


def of_another_version(path):
    state = load_state(path)
    state["origin"]["version"] = 0
    save_state(path, state)


@pytest.mark.parametrize("hurt", [damaged, of_another_version])
def test_influences_that_are_not_its_own_are_computed_again(tested, computed, hurt):
    job, run, prepared = tested
    found = influences_of(job, run, prepared)
    hurt(run.path / FILE)
    again = influences_of(job, run, prepared)
    assert len(computed) == 2
    assert all(np.array_equal(found[task], again[task], equal_nan=True) for task in found)


def test_a_cell_that_another_process_holds_is_left_to_it(tested):
    job, run, prepared = tested
    with run.working(), pytest.raises(RunInUseError):
        influences_of(job, run, prepared)


def test_a_trend_is_a_slope_with_an_interval():
    found = trend([(0, 0.1), (1, 0.2), (2, 0.3)])
    assert (found.mean, found.low, found.high) == pytest.approx((0.1, 0.1, 0.1))
    found = trend([(0, 0.1), (1, 0.3), (2, 0.2), (3, 0.4)])
    assert found.mean == pytest.approx(0.08)
    assert found.low < 0 < found.mean < found.high
    assert 0.05 < found.p < 0.5
    assert trend([(1, 0.1), (1, 0.2), (1, 0.3)]) is None
