"""Cells: which are the same, which are done, and which are left to others."""

import json
import shutil
import threading
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from stopping import StopAfter

from automtl_comparison import cells
from automtl_comparison.cells import CellRunner, in_split, recipe, split_of, tuned
from automtl_comparison.document import CellResult
from automtl_comparison.spec import split_seeds
from automtl_core.errors import DivergedError, RunExistsError, UsageError
from automtl_core.registry.plugins import load_registry
from automtl_core.registry.registry import Registry
from automtl_core.run_dir.facts import Costs, Result, Status
from automtl_core.run_dir.run import Run
from automtl_core.search.trial import Serial, TrialResult, TrialWaits
from automtl_core.system.state import CHECKPOINTS
from automtl_core.training.events import SILENT
from automtl_core.workflow import pipeline
from automtl_core.workflow.models import models
from automtl_core.workflow.run_trial import TrialRunner
from automtl_testing.samples import binary_metrics


def all_cells(bench, jobs):
    return [bench.cell(name, job) for name, job in jobs.items()]


@pytest.mark.parametrize(
    ("changed", "same"),
    [
        ({"training": {"learning_rate": 0.1}}, False),
        ({"device": "cpu"}, False),
        ({"seed": 1}, False),
        ({"data_dir": Path("raw"), "prepared_dir": Path("other")}, True),
    ],
)
def test_another_configuration_is_another_cell_and_other_places_are_not(tiny, bench, changed, same):
    made, _ = bench()
    one, two = (made.cell("one.yaml", tiny(**c)["one.yaml"]) for c in ({}, changed))
    assert (one.path == two.path) is same


def test_other_metrics_make_no_other_cell_and_only_test_it_again(tiny, bench, count):
    made, worked = bench(count)
    cells = [made.cell("one.yaml", tiny(metrics=metrics)["one.yaml"]) for metrics in ((), ["pr-auc"])]
    assert cells[0].path == cells[1].path
    for cell, names in zip(cells, ([], ["pr-auc"]), strict=True):
        made.trained([cell])
        ((measured, scores),) = made.tested([cell]).values()
        assert [list(m.others) for m in measured.test.values()] == [names] * 4
        assert scores
    assert worked == [("one.yaml", 0)]
    assert count.epochs == 3


@pytest.mark.parametrize(
    ("plugin", "same"), [("baselines", True), ("metrics", True), ("strategies", False), ("desan", False)]
)
def test_a_new_version_of_a_plugin_that_is_in_use_makes_another_cell(tiny, bench, monkeypatch, plugin, same):
    made, _ = bench()
    job = tiny("desan:pd-darts-entropy")["desan:pd-darts-entropy"]
    before, supplier = made.cell("search", job), Registry.supplier

    def newer(self, kind, name):
        row = supplier(self, kind, name)
        return replace(row, version="9") if row.name == plugin else row

    monkeypatch.setattr(Registry, "supplier", newer)
    assert (made.cell("search", job).path == before.path) is same


@pytest.fixture
def naps(monkeypatch):
    """Return a list of what happens when a bench waits; each is called once, in turn."""
    planned = []
    monkeypatch.setattr(cells, "time", SimpleNamespace(sleep=lambda seconds: planned.pop(0)()))
    return planned


def waiting(made):
    """Return a bench that may wait, and a list of the models that it waits for."""
    waited = []

    def hear(event):
        if isinstance(event, TrialWaits):
            waited.append(event.title.partition(",")[0])
            return True
        return made.listener(event)

    return replace(made, listener=hear), waited


@pytest.fixture
def held():
    """Hold runs as another process would, until closed."""
    with ExitStack() as stack:
        yield stack


def test_a_cell_in_use_is_skipped_and_waited_for_when_nothing_else_is_left(tiny, bench, naps, held, count):
    made, worked = bench(count)
    made, waited = waiting(made)
    one, two = all_cells(made, tiny())
    held.enter_context(pipeline.start(one.job, one.prepared, one.path, one.job.checked(one.prepared)))
    naps += [lambda: None, lambda: None, held.close]
    found = made.trained([one, two])
    assert worked == [("two.yaml", 0), ("one.yaml", 0)], "the free one first, then what its holder left"
    assert waited == ["one.yaml"], "said once"
    assert not naps
    assert found.keys() == {one, two}
    assert list(found) == [one, two]
    assert count.epochs == 6


def test_what_another_process_made_meanwhile_is_not_made_again(tiny, bench, naps, count, monkeypatch):
    made, worked = bench(count)
    made, waited = waiting(made)
    other, others_work = bench()
    (cell,) = all_cells(made, {"one.yaml": tiny()["one.yaml"]})
    working, ready = threading.Event(), threading.Event()
    run = pipeline.run

    def slow(work, **how):
        working.set()
        ready.wait(10)
        run(work, **how)

    monkeypatch.setattr(pipeline, "run", slow)
    thread = threading.Thread(target=lambda: other.tested([cell]))
    thread.start()
    working.wait(10)
    naps += [lambda: (ready.set(), thread.join())]
    found, scores = made.tested([cell])[cell]
    assert (others_work, worked, waited) == ([("one.yaml", 0)], [], ["one.yaml"])
    again, same = other.tested([cell])[cell]
    assert found == again
    assert all(np.array_equal(scores[task], same[task]) for task in scores)
    assert count.epochs == 0


@pytest.mark.parametrize("stage", ["fit", "test"])
def test_a_process_that_was_late_to_the_lock_does_not_compute_again(tiny, bench, monkeypatch, stage):
    made, worked = bench()
    (cell,) = all_cells(made, {"one.yaml": tiny()["one.yaml"]})
    if stage == "test":
        made.trained([cell])
    other, _ = bench()
    working = Run.working

    def late(run):
        """Let the other do it all between looking and locking."""
        monkeypatch.setattr(Run, "working", working)
        other.tested([cell])
        return working(run)

    if stage == "fit":  # there is a run, and nobody has trained it
        with pipeline.start(cell.job, cell.prepared, cell.path, cell.job.checked(cell.prepared)):
            pass
    monkeypatch.setattr(Run, "working", late)
    worked.clear()
    found, _ = made.tested([cell])[cell]
    assert found.error is None
    assert worked == []
    log = (cell.path / "log.txt").read_text()
    assert log.count("the search ended with an architecture") == 1


def test_a_cell_that_is_made_by_another_just_now_is_taken_up_again(tiny, bench, monkeypatch, naps):
    made, worked = bench()
    made, _ = waiting(made)
    (cell,) = all_cells(made, {"one.yaml": tiny()["one.yaml"]})
    start = pipeline.start

    def beaten(*given):
        monkeypatch.setattr(pipeline, "start", start)
        with start(*given):
            pass
        raise RunExistsError("exists already")

    monkeypatch.setattr(pipeline, "start", beaten)
    naps += [lambda: Run(cell.path).write(Status("running"))]
    made.trained([cell])
    assert worked == [("one.yaml", 0)]


def test_a_place_that_cannot_be_written_to_is_an_error_and_not_waited_for(tiny, bench):
    made, _ = bench()
    made.folder.write_text("a file")
    with pytest.raises(RunExistsError, match="cannot be written"):
        made.trained(all_cells(made, tiny()))


def test_a_cell_goes_on_where_a_killed_process_left_it(tiny, bench, count):
    made, _ = bench(StopAfter(2))
    (cell,) = all_cells(made, {"one.yaml": tiny()["one.yaml"]})
    with pytest.raises(KeyboardInterrupt):
        made.trained([cell])
    Run(cell.path).write(Status("running"))  # as it stays after a kill
    made, worked = bench(count)
    made.trained([cell])
    assert worked == [("one.yaml", 0)]
    assert count.epochs == 1


def test_one_that_diverged_is_not_tried_again(tiny, bench, monkeypatch):
    def diverge(*given, **how):
        raise DivergedError("the loss became nan")

    monkeypatch.setattr(pipeline, "run", diverge)
    made, worked = bench()
    (cell,) = all_cells(made, {"one.yaml": tiny()["one.yaml"]})
    assert made.trained([cell]) == {cell: TrialResult("diverged", {}, error="the loss became nan")}
    lost = CellResult(0, 0, cell.path.name, error="the loss became nan", diverged=True)
    assert made.tested([cell]) == {cell: (lost, {})}
    assert worked == [("one.yaml", 0)]


def edit(name, change):
    """Return a function that changes a JSON file of a run by hand."""

    def edited(path, other):
        value = json.loads((path / name).read_text())
        change(value)
        (path / name).write_text(json.dumps(value, indent=2) + "\n")

    return edited


def copied(name):
    """Return a function that puts the file of another cell in place of a run's own."""
    return lambda path, other: shutil.copy(other / name, path / name)


def flipped(name):
    """Return a function that changes one bit in the middle of a file."""

    def flip(path, other):
        content = bytearray((path / name).read_bytes())
        content[len(content) // 2] ^= 1
        (path / name).write_bytes(content)

    return flip


def another(path, other):
    """Put another cell in place of a whole cell."""
    shutil.rmtree(path)
    shutil.copytree(other, path)


def learning_rate(path, other):
    file = path / "config.yaml"
    file.write_text(file.read_text().replace("learning_rate: 0.002", "learning_rate: 0.02"))


HURT = {
    "the AUC is edited": edit("result.json", lambda result: result["test"]["click"].update(auc=0.99)),
    "the validation AUC is edited": edit(
        "result.json", lambda result: result["validation"]["click"].update(auc=0.99)
    ),
    "the size is edited": edit("result.json", lambda result: result.update(parameters=1)),
    "it is said to have diverged": edit(
        "status.json", lambda status: status.update(state="failed", exit_code=3, error="nan")
    ),
    "costs are edited": edit("costs.json", lambda costs: costs["seconds"].update(train=0.001)),
    "a setting is edited": learning_rate,
    "the architecture is edited": edit(
        "architecture.json", lambda architecture: architecture["origin"].update(space="ple")
    ),
    "weights are of another cell": copied("weights.safetensors"),
    "weights are damaged": flipped("weights.safetensors"),
    "weights are gone": lambda path, other: (path / "weights.safetensors").unlink(),
    "the result is of another cell": copied("result.json"),
    "the result is nothing": lambda path, other: (path / "result.json").write_text("null"),
    "the status is gone": lambda path, other: (path / "status.json").unlink(),
    "the settings are gone": lambda path, other: (path / "config.yaml").unlink(),
    "it is another cell": another,
}


@pytest.fixture(scope="module")
def done(tmp_path_factory, prepared, tiny):
    """Return a folder with two cells that are tested, and their results."""
    folder = tmp_path_factory.mktemp("done")
    executor = Serial(TrialRunner(load_registry(), prepared))
    made = CellRunner(folder, {0: prepared}, executor, SILENT, lambda job, prepared, then: job)
    both = all_cells(made, tiny())
    made.trained(both)
    return folder, [result for result, _ in made.tested(both).values()]


@pytest.mark.parametrize("hurt", HURT.values(), ids=HURT)
def test_a_cell_that_was_changed_is_not_believed(tiny, bench, done, hurt):
    folder, _ = done
    made, worked = bench()
    shutil.copytree(folder, made.folder)
    one, two = all_cells(made, tiny())
    hurt(one.path, two.path)
    found = made.trained([two, one])
    assert [result.state for result in found.values()] == ["done", "failed"]
    assert found[one].error.startswith(str(one.path))
    assert found[one].error.endswith(f"; remove the folder {one.path}, and repeat the command")
    assert worked == []


def test_a_cell_whose_folder_was_removed_is_computed_again(tiny, bench, done):
    folder, expected = done
    made, worked = bench()
    shutil.copytree(folder, made.folder)
    one, two = all_cells(made, tiny())
    shutil.rmtree(one.path)
    made.trained([one, two])
    found = made.tested([one, two])
    assert worked == [("one.yaml", 0)]
    assert [found[cell][0].test for cell in (one, two)] == [result.test for result in expected]


@pytest.mark.parametrize("hurt", ["copied", "flipped"])
def test_a_cell_does_not_go_on_from_a_checkpoint_that_is_not_its_own(tiny, bench, hurt, monkeypatch):
    monkeypatch.setattr("automtl_core.search.trained.CHECKPOINT_SECONDS", 0.0)
    both = None
    for _ in range(2):
        made, _ = bench(StopAfter(2))
        both = all_cells(made, tiny())
        with pytest.raises(KeyboardInterrupt):
            made.trained([cell for cell in both if not cell.path.exists()])
    one, two = both
    folders = [next((cell.path / "trials/train").iterdir()) for cell in both]
    for name in CHECKPOINTS:
        {"copied": copied, "flipped": flipped}[hurt](name)(*folders)
    made, worked = bench()
    found = made.trained([one, two])
    assert found[one].state == "failed"
    assert found[one].error.endswith(f"; remove the folder {one.path}, and repeat the command")
    assert worked == [("one.yaml", 0), ("two.yaml", 0)], "the others go on"


@pytest.fixture
def job(common):
    """Return a function that makes a job with some settings of its dataset."""

    def make(**dataset):
        return models(["mmoe"], load_registry(), common, {"dataset": dataset})["mmoe"]

    return make


def test_splits_begin_with_that_of_the_settings_and_are_some(job):
    assert split_seeds(job(), 1) == [0]
    assert split_seeds(job(split_seed=4), 3) == [4, 5, 6]
    with pytest.raises(UsageError, match="--splits 0: a comparison needs at least one") as error:
        split_seeds(job(), 0)
    assert error.value.fix == "ask for 1 or more: --splits 3"


def test_a_job_in_another_split_differs_in_nothing_else(job):
    one = job(split_seed=4)
    two = in_split(one, 6)
    assert (split_of(one), split_of(two)) == (4, 6)
    told = two.config.model_dump(mode="json")
    told["dataset"]["split_seed"] = 4
    assert told == one.config.model_dump(mode="json")
    assert in_split(one, 4) is one


def test_a_fixed_test_part_is_one_split_and_a_split_by_time_has_windows(job):
    given = job(name="aliccp")
    assert split_seeds(given, 1) == [0]
    with pytest.raises(UsageError, match="--splits 2: dataset aliccp has a fixed test part") as error:
        split_seeds(given, 2)
    assert "--seeds" in error.value.fix
    given = job(name="kuairand", split="time", log="standard")
    assert split_seeds(given, 3) == [0, 1, 2]


needs_study = pytest.mark.needs_extra("study")


class Given:
    """Bench on which the validation AUC of a job is given, None where it diverges."""

    def __init__(self, auc):
        self.auc = auc
        self.trials = []
        self.batches = []

    def cell(self, name, job):
        return Given.Cell(name, job)

    def trained(self, cells, called, then):
        self.trials += cells
        self.batches.append(len(cells))
        scores = {cell: self.auc(cell.job) for cell in cells}
        return {
            cell: SimpleNamespace(
                state="done",
                seconds=1.0,
                metrics={} if auc is None else {"click": binary_metrics(auc, 0.5, 500, 1000)},
                error=None if auc is not None else "the loss became nan",
            )
            for cell, auc in scores.items()
        }

    class Cell:
        def __init__(self, name, job):
            self.name = name
            self.job = job
            self.path = name, job.config.to_yaml()
            self.prepared = SimpleNamespace(
                part=lambda name: range(100), schema=SimpleNamespace(fields=lambda: ["item"])
            )


def rates(job):
    return job.config.training.learning_rate


def tried(job, trials=12):
    """Return the values of the settings that a study of a job tries; its score is the learning rate."""
    bench = Given(rates)
    tuned({"one": job}, trials, bench)
    return [recipe(cell.job) for cell in bench.trials]


@needs_study
def test_trials_are_of_the_domains_at_the_settings(tiny):
    found = tried(tiny()["one.yaml"])
    for name, low, high in [
        ("training.embedding_decay", 1e-5, 1e-1),
        ("training.learning_rate", 5e-4, 8e-3),
        ("space.dropout", 0, 0.4),
    ]:
        values = [each[name] for each in found]
        assert low <= min(values) < max(values) <= high
        assert len({*values}) > 8


@needs_study
def test_what_ignores_the_recipe_is_tuned_by_its_own_settings(tiny):
    job = tiny("boosting")["boosting"]
    own = {"space.learning_rate": 0.05, "space.leaves": 31, "space.column_share": 0.8}
    assert recipe(job) == own
    found = tried(job, 6)
    assert found[0] == own
    assert all(each.keys() == own.keys() for each in found)
    assert all(isinstance(each["space.leaves"], int) for each in found)
    assert len({each["space.leaves"] for each in found}) > 3


@needs_study
def test_trials_follow_from_the_seed_and_scores_alone(tiny):
    one, other = tiny()["one.yaml"], tiny(seed=1)["one.yaml"]
    assert tried(one) == tried(one)
    assert tried(one)[1] != tried(other)[1]


@needs_study
def test_each_model_tries_as_many_settings_of_which_the_first_are_its_own(tiny):
    jobs, bench = tiny(), Given(rates)
    tuned(jobs, 6, bench)
    assert bench.batches == [8, 4]
    for name, job in jobs.items():
        found = [recipe(cell.job) for cell in bench.trials if cell.name == name]
        assert found[0] == recipe(job)
        assert len({tuple(values.items()) for values in found}) == 6


@needs_study
def test_a_value_outside_of_its_domain_is_the_first_one_tried(tiny):
    own = {"learning_rate": 0.05, "embedding_decay": 0.0, "epochs": 2}
    job = tiny(training=own)["one.yaml"]
    found = tried(job, 6)
    assert [each["training.embedding_decay"] for each in found] == [0.0] * 6, "0 is not on a log scale"
    assert found[0]["training.learning_rate"] == 0.05
    assert len({each["training.learning_rate"] for each in found}) == 6


@needs_study
@pytest.mark.parametrize(("auc", "best"), [(rates, max), (lambda job: 1 - rates(job), min)])
def test_a_model_takes_the_recipe_that_is_best_on_validation_data(tiny, auc, best):
    bench = Given(auc)
    found = tuned(tiny(), 6, bench)
    for name, job in found.items():
        assert rates(job) == best(rates(cell.job) for cell in bench.trials if cell.name == name)


@needs_study
def test_recipes_that_diverge_are_left_out_unless_that_leaves_none(tiny):
    own = rates(tiny()["one.yaml"])
    found = tuned(tiny(), 16, Given(lambda job: None if rates(job) >= own else rates(job)))
    assert all(rates(job) < own for job in found.values())
    with pytest.raises(DivergedError, match=r"training fails with all settings: the loss became nan$"):
        tuned(tiny(), 4, Given(lambda job: None))


def test_a_cell_is_refitted_and_the_trials_of_its_tuning_are_not(tiny, bench):
    job = tiny(refit=True)["one.yaml"]
    made, _ = bench(splits={0: job.prepare()})
    best = tuned({"one.yaml": job}, 2, made)["one.yaml"]
    trials = [Run.open(path).read(Result) for path in (made.folder / "cells").glob("one.yaml-*")]
    assert [trial.refitted for trial in trials] == [False, False]
    cell = made.cell("one.yaml", best)
    made.trained([cell])
    ((measured, influences),) = made.tested([cell]).values()
    run = Run.open(cell.path)
    assert run.read(Result).refitted
    seconds = run.read(Costs).seconds
    assert measured.train_seconds == seconds["train"] + seconds["refit"] > seconds["train"]
    assert influences.keys() == measured.test.keys()
