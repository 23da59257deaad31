"""Means, paired differences and Holm's correction, by hand."""

import numpy as np
import pytest

from automtl_comparison import statistics
from automtl_comparison.statistics import (
    FILE,
    Difference,
    Noise,
    holm,
    noise,
    paired,
    resamples,
    samples,
    summary,
    trend,
)
from automtl_core.dataset.schema import Task
from automtl_core.errors import RunInUseError
from automtl_core.registry.plugins import load_registry
from automtl_core.run_dir.facts import Result, Status
from automtl_core.run_dir.run import Run
from automtl_core.system.state import load_state, save_state
from automtl_core.training.events import EventHandler
from automtl_core.training.metrics import task_metrics
from automtl_core.training.significance import SMALLEST
from automtl_core.workflow import pipeline
from automtl_core.workflow.work import Work

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
    assert paired([0.8, 0.9], [0.7, 0.7], None) == Difference(pytest.approx(0.15), None, None, None, cells=2)
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
    rng = np.random.default_rng(0)
    shared, own = rng.normal(0, 0.3, 4000), rng.normal(0, 0.4, (2, 4000))
    same, apart = noise([shared + 5, shared - 5]), noise(list(own))
    assert same.error == pytest.approx(0.3, rel=0.05)
    assert same.spread == pytest.approx(0.0, abs=1e-12), "both cells have it, and none of their difference"
    assert apart.error == pytest.approx(0.4 / 2**0.5, rel=0.05)
    assert apart.spread == pytest.approx(0.4, rel=0.05)


def test_noise_is_of_the_resamples_that_all_cells_have_with_a_score():
    assert noise([np.array([1.0, np.nan, 3.0])]) == Noise(pytest.approx(2**0.5), 0.0)
    assert noise([np.array([1.0, np.nan]), np.array([1.0, 2.0])]) is None
    whole = [np.array([1.0, 2.0, 9.0]), np.array([2.0, 5.0])]
    assert noise(whole) == noise([whole[0][:2], whole[1]])


@pytest.mark.parametrize(
    ("splits", "runs", "sizes"),
    [(1, 3, (1.0, 0.0, 0.0)), (1, 3, (0.3, 1.0, 0.3)), (3, 1, (0.5, 1.0, 0.3)), (2, 3, (1.0, 1.0, 0.5))],
)
def test_where_there_is_no_difference_one_is_seen_in_about_five_cases_of_a_hundred(splits, runs, sizes):
    rng, (of_runs, of_rows, of_networks) = np.random.default_rng(1), sizes
    cells, cases = splits * runs, 800

    def drawn(count):
        """Return what rows do to the cells of `count` draws, [count, C]."""
        shared = np.repeat(rng.normal(0, of_rows, (count, splits)), runs, axis=1)
        return shared + rng.normal(0, of_networks, (count, cells))

    rows = noise(list(drawn(20_000).T))
    found = drawn(cases) + rng.normal(0, of_runs, (cases, cells))
    wrong = np.mean([paired(case, [0.0] * cells, rows).p < 0.05 for case in found])
    assert 0.015 < wrong < 0.075
    planted = 6 * (rows.error**2 + of_runs**2 / cells) ** 0.5  # six true standard errors
    assert np.mean([paired(case + planted, [0.0] * cells, rows).p < 0.05 for case in found]) > 0.8


def test_holm_multiplies_by_the_number_left_and_never_falls():
    given = {"a": 0.01, "b": 0.04, "c": 0.03, "d": None}
    found = holm({name: Difference(0.0, None, None, p) for name, p in given.items()})
    assert {name: d.adjusted_p for name, d in found.items()} == {
        "a": pytest.approx(0.03),
        "b": pytest.approx(0.06),
        "c": pytest.approx(0.06),
        "d": None,
    }
    assert list(found) == list(given)


CLICK = Task("click")
PRICE = Task("price", kind="regression", deviation=3.0)
NAN = np.nan


def alone(rows):
    return np.zeros(rows, np.int32)


def labelled(rows, rate=0.3, seed=0):
    """Return labels [R, 1] and two predictors of them, [R, 1], that have an error in common."""
    rng = np.random.default_rng(seed)
    labels = (rng.random((rows, 1)) < rate).astype(np.float32)
    common = rng.normal(size=(rows, 1)) + labels
    return labels, common, common + rng.normal(0, 0.4, (rows, 1))


def delong(labels, scores):
    """Return the influence of each row on the AUC, [R] (DeLong, DeLong and Clarke-Pearson 1988)."""
    positive = labels > 0
    above, below = scores[positive], scores[~positive]
    won = (above[:, None] > below) + 0.5 * (above[:, None] == below)
    found = np.empty(len(labels))
    found[positive] = (won.mean(1) - won.mean()) / len(above)
    found[~positive] = (won.mean(0) - won.mean()) / len(below)
    return found


def by_hand(task, labels, predictions, units, seed):
    """Return the score of each resample by repeating rows."""
    names = np.where(units == 0, -1 - np.arange(len(units)), units)
    order = np.unique(names)
    order = np.concatenate([order[order > 0], order[order < 0][::-1]])
    groups = [np.flatnonzero(names == name) for name in order]
    found = []
    for number in range(resamples(len(units))):
        drawn = statistics._drawn(len(groups), seed, number)
        rows = np.concatenate([np.repeat(rows, times) for rows, times in zip(groups, drawn, strict=True)])
        found.append(task_metrics(task, labels[rows, 0], predictions[rows, 0]).score)
    return [NAN if score is None else score for score in found]


def resampled(tasks, labels, predictions, units, seed):
    return statistics.resampled(tasks, labels, predictions, units, None, seed)


def test_a_metric_of_lists_is_that_of_the_lists_of_drawn_users():
    draw = np.random.default_rng(0)
    users = draw.integers(1, 40, 900).astype(np.int32)
    lists = (users * 10 + draw.integers(0, 3, 900)).astype(np.int32)
    labels, logits = draw.integers(0, 2, (900, 1)).astype(np.float64), draw.normal(size=(900, 1))
    load_registry()
    task = Task("click", kind="binary by gauc")
    found = statistics.resampled([task], labels, logits, users, lists, 3)[:, 0]
    gains, weights = (of[:, 0] for of in gauc_terms(labels, logits, lists))
    for number in range(5):
        drawn = statistics._drawn(len(np.unique(users)), 3, number)[np.unique(users, return_inverse=True)[1]]
        assert found[number] == pytest.approx((drawn @ gains) / (drawn @ weights))
    whole = statistics.resampled([task], labels, logits, None, lists, 3)[:, 0]
    assert whole.std() < found.std(), "lists of a user are drawn one by one"


def gauc_terms(labels, logits, lists):
    """Return AUC times rows, and rows, at the first row of each list, from a loop."""
    found = np.zeros((2, len(labels), 1))
    for number in np.unique(lists):
        mine = np.flatnonzero(lists == number)
        y, x = labels[mine, 0], logits[mine, 0]
        pairs = [(a > b) + (a == b) / 2 for a in x[y == 1] for b in x[y == 0]]
        if pairs:
            found[:, mine[0], 0] = np.mean(pairs) * len(mine), len(mine)
    return found


@pytest.mark.parametrize("units", [alone(60), np.arange(60, dtype=np.int32) % 7, np.arange(60).clip(0, 50)])
@pytest.mark.parametrize("task", [CLICK, PRICE], ids=lambda task: task.name)
def test_scores_are_those_of_repeated_rows(task, units, monkeypatch):
    monkeypatch.setattr(statistics, "BLOCK", 60 * 7)  # so that there are several blocks
    labels, one, _ = labelled(60)
    labels[::9] = NAN
    predictions = np.round(one, 1)  # with ties
    found = resampled([task], labels, predictions, units, 5)
    assert found.shape == (1000, 1)
    assert found[:, 0] == pytest.approx(by_hand(task, labels, predictions, units, 5), nan_ok=True)


def test_standard_error_of_an_auc_and_of_a_difference_is_that_of_delong():
    labels, one, two = labelled(1500)
    both = np.hstack([one, two])
    found = resampled([CLICK, CLICK], np.hstack([labels, labels]), both, alone(1500), 0)
    first, second = (delong(labels[:, 0], scores) for scores in both.T)
    assert found[:, 0].std() == pytest.approx(np.sqrt((first**2).sum()), rel=0.07)
    error = np.sqrt(((first - second) ** 2).sum())
    assert (found[:, 0] - found[:, 1]).std() == pytest.approx(error, rel=0.07)
    assert error < 0.7 * found[:, 0].std(), "what both have in common is no part of it"


def test_users_are_drawn_whole():
    labels, one, _ = labelled(300)
    ten = np.repeat(np.arange(1, 301, dtype=np.int32), 10)
    repeated = [np.repeat(each, 10, axis=0) for each in (labels, one)]
    by_row = resampled([CLICK], *repeated, alone(3000), 0).std()
    by_user = resampled([CLICK], *repeated, ten, 0).std()
    assert by_user == pytest.approx(resampled([CLICK], labels, one, alone(300), 0).std(), rel=0.1)
    assert by_user > 2.5 * by_row, "ten equal rows of a user are one observation"


def test_other_models_have_the_same_draws_and_other_data_has_not():
    labels, one, two = labelled(200)
    given = ([CLICK], labels, one, alone(200))
    assert np.array_equal(resampled(*given, 1), resampled([CLICK], labels, 3 * one, alone(200), 1))
    assert not np.array_equal(resampled(*given, 1), resampled(*given, 2))
    beside = resampled([CLICK, CLICK], labels[:, [0, 0]], np.hstack([two, one]), alone(200), 1)
    assert np.array_equal(beside[:, 1:], resampled(*given, 1))


def test_a_resample_without_a_positive_has_no_auc():
    labels = np.array([[1.0], [0.0], [0.0]])
    found = resampled([CLICK], labels, labels, alone(3), 0)[:, 0]
    lost = np.isnan(found).mean()
    assert lost == pytest.approx((2 / 3) ** 3 + (1 / 3) ** 3, abs=0.05)
    assert set(found[~np.isnan(found)]) == {1.0}
    nowhere = np.full((3, 1), NAN)
    assert all(np.isnan(resampled([task], nowhere, labels, alone(3), 0)).all() for task in (CLICK, PRICE))


@pytest.mark.parametrize(("rows", "count"), [(1, 1000), (2_000_000, 1000), (4_000_000, 500), (10**9, 200)])
def test_large_parts_are_resampled_less_often(rows, count):
    assert resamples(rows) == count


@pytest.fixture
def tested(tiny, bench):
    """Return a function that gives the job, run and data of a tested cell; `called` names its model."""
    made, _ = bench()

    def make(called="one.yaml"):
        cell = made.cell(called, tiny()[called])
        if not cell.path.exists():
            with pipeline.start(cell.job, cell.prepared, cell.path) as run:
                pipeline.run(Work(cell.job, run, cell.prepared, EventHandler()))
        return cell.job, Run.open(cell.path), cell.prepared

    return make


@pytest.fixture
def computed(monkeypatch):
    """Return a list that grows with each computation."""
    seen, resampled = [], statistics.resampled

    def watched(*given):
        seen.append(given)
        return resampled(*given)

    monkeypatch.setattr(statistics, "resampled", watched)
    return seen


def test_scores_lie_about_those_of_the_result_and_are_kept(tested, computed):
    job, run, prepared = tested()
    found = samples(job, run, prepared)
    test = run.read(Result).test
    assert set(found) == set(test)
    for task, m in test.items():
        assert abs(np.nanmean(found[task]) - m.score) < 3 * np.nanstd(found[task])
    again = samples(job, run, prepared)
    assert all(np.array_equal(found[task], again[task], equal_nan=True) for task in found)
    assert len(computed) == 1
    assert (run.path / FILE).stat().st_size < 50_000
    assert run.read(Status).state == "done"


def test_two_cells_have_the_same_draws_of_rows_or_users(tested, computed, monkeypatch):
    for called in ("one.yaml", "two.yaml"):
        samples(*tested(called))
    assert computed[0][-1] == computed[1][-1], "the seed of the draws"
    assert not np.any(computed[0][-2]), "synthetic data has no users"
    job, run, prepared = tested()
    users = np.arange(len(prepared.part("test")), dtype=np.int32) % 9
    monkeypatch.setattr(type(prepared), "users", lambda self, name: users)
    (run.path / FILE).unlink()
    samples(job, run, prepared)
    assert computed[-1][-2] is users


def damaged(path, other):
    path.write_bytes(path.read_bytes()[:-9])


def of_another(path, other):
    path.write_bytes(other.read_bytes())


def of_another_version(path, other):
    state = load_state(path)
    state["origin"]["version"] = 0
    save_state(path, state)


@pytest.mark.parametrize("hurt", [damaged, of_another, of_another_version])
def test_scores_that_are_not_its_own_are_computed_again(tested, computed, hurt):
    one, two = tested(), tested("two.yaml")
    found = samples(*one)
    samples(*two)
    hurt(one[1].path / FILE, two[1].path / FILE)
    again = samples(*one)
    assert len(computed) == 3
    assert all(np.array_equal(found[task], again[task], equal_nan=True) for task in found)


def test_a_cell_that_another_process_holds_is_left_to_it(tested):
    job, run, prepared = tested()
    with run.working(), pytest.raises(RunInUseError):
        samples(job, run, prepared)


def test_a_trend_is_a_slope_with_an_interval():
    found = trend([(0, 0.1), (1, 0.2), (2, 0.3)])
    assert (found.mean, found.low, found.high) == pytest.approx((0.1, 0.1, 0.1))
    found = trend([(0, 0.1), (1, 0.3), (2, 0.2), (3, 0.4)])
    assert found.mean == pytest.approx(0.08)
    assert found.low < 0 < found.mean < found.high
    assert 0.05 < found.p < 0.5
    assert trend([(1, 0.1), (1, 0.2), (1, 0.3)]) is None
