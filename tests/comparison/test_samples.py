"""Scores on resampled rows: computed once, kept with the cell, and made again where they are not its own."""

import numpy as np
import pytest

from automtl_comparison import samples as module
from automtl_comparison.samples import FILE, samples
from automtl_core.disk.state import load_state, save_state
from automtl_core.errors import RunInUseError
from automtl_core.run_dir.facts import Result, Status
from automtl_core.run_dir.run import Run
from automtl_core.training.events import EventHandler
from automtl_core.workflow import pipeline
from automtl_core.workflow.work import Work


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
    seen, resampled = [], module.resampled

    def watched(*given):
        seen.append(given)
        return resampled(*given)

    monkeypatch.setattr(module, "resampled", watched)
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
