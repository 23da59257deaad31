"""A comparison is asked for by names."""

import pytest

from automtl_comparison.cells import CellBegan
from automtl_comparison.spec import ComparisonSpec
from automtl_core.errors import UsageError
from automtl_core.registry.plugins import load_registry
from automtl_core.run_dir.facts import Importance
from automtl_core.run_dir.run import Run
from automtl_core.training.events import Warned
from automtl_core.workflow.workflow import Workflow

SMALL = {"dataset": {"name": "synthetic", "rows": 600}, "training": {"epochs": 1, "min_positives": 1}}


def compared(wanted, tmp_path):
    worked = []

    def hear(event):
        if isinstance(event, CellBegan):
            worked.append((event.cell.model, event.which))
        return True

    workflow = Workflow(load_registry(), hear)
    found, out = wanted.compared(workflow, [SMALL, {"prepared_dir": tmp_path / "prepared"}])
    return found, out, worked


def test_cells_are_kept_in_the_folder(tmp_path):
    wanted = ComparisonSpec(["shared-bottom"], seeds=1, out=tmp_path / "out")
    found, out, worked = compared(wanted, tmp_path)
    assert worked == [("shared-bottom", "cell 1 of 1")]
    assert found.reference == "shared-bottom"
    assert {path.name for path in out.iterdir()} == {"cells", "cells.json", "configuration.json"}
    _, _, worked = compared(wanted, tmp_path)
    assert worked == []


@pytest.mark.parametrize(
    ("workers", "trials", "splits", "in_turn"), [(2, 0, 1, 2), (8, 0, 1, 1), (2, 5, 2, 9)]
)
def test_workers_share_the_time(tmp_path, workers, trials, splits, in_turn):
    wanted = ComparisonSpec(
        ["shared-bottom"], 3, splits, trials, out=tmp_path / "out", seconds=3600, workers=workers
    )
    _, out, _ = compared(wanted, tmp_path)
    budgets = {Run(cell).config().time_budget for cell in (out / "cells").iterdir()}
    assert budgets == {3600 / in_turn}


def test_rare_tasks_and_leaks_are_named_once_before_any_training(tmp_path):
    events = []
    data = tmp_path / "data"
    data.mkdir()
    rows = "".join(f"u{n % 40},{n % 3 == 0:d},{n % 3 == 0:d},{n % 50 == 0:d}\n" for n in range(900))
    (data / "rows.csv").write_text("user,seen,click,buy\n" + rows)
    table = {"name": "table", "files": "rows.csv", "sparse": ["user", "seen"], "labels": ["click", "buy"]}
    spec = ComparisonSpec(["shared-bottom"], seeds=2, splits=2, out=tmp_path / "out")
    workflow = Workflow(load_registry(), lambda event: events.append(event) or True)
    layer = {"dataset": table, "data_dir": data, "prepared_dir": tmp_path / "prepared"}
    spec.compared(workflow, [layer, {"training": {"epochs": 1, "min_positives": 20}, "features": "ids"}])
    warned = [event.sentence for event in events if isinstance(event, Warned)]
    first = next(n for n, event in enumerate(events) if isinstance(event, CellBegan))
    assert not any(isinstance(event, Warned) for event in events[first:])
    assert sum("early stopping monitors click only" in text for text in warned) in (1, 2), (
        "one for each split"
    )
    assert 1 <= sum("seen alone predicts click" in text for text in warned) <= 2


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        (ComparisonSpec([]), "no model to compare"),
        (
            ComparisonSpec(["mmoe"], reference="mmoo"),
            r"--reference 'mmoo' is not one of the models \(did you mean 'mmoe'",
        ),
    ],
)
def test_what_cannot_be_is_told(tmp_path, wanted, told):
    with pytest.raises(UsageError, match=told):
        compared(wanted, tmp_path)


def test_fields_are_not_permuted_unless_it_is_set(tmp_path):
    def cells(out, *layers):
        workflow = Workflow(load_registry())
        spec = ComparisonSpec(["shared-bottom"], seeds=1, out=tmp_path / out)
        spec.compared(workflow, [SMALL, {"prepared_dir": tmp_path / "prepared"}, *layers])
        return [Run.open(path) for path in (tmp_path / out / "cells").iterdir()]

    (run,) = cells("plain")
    assert run.config().importance.rows == 0
    assert not run.has(Importance)
    (run,) = cells("fields", {"importance": {"rows": 50}})
    assert run.read(Importance).rows == 50


def test_a_run_is_compared_on_the_inputs_that_it_was_found_on(tmp_path):
    line, prepared = Workflow(load_registry()), {"prepared_dir": tmp_path / "prepared"}
    inputs = {"statistics": "folds", "crosses": [["engage_left", "engage_right"]], "wide": True}
    small = {**SMALL, **prepared, "features": inputs, "training": {"epochs": 1, "embedding_decay": 0.5}}
    run = line.search(line.model("shared-bottom", [small]), tmp_path, "run").path
    found, out, _ = compared(ComparisonSpec(["mmoe", str(run)], seeds=1, out=tmp_path / "out"), tmp_path)
    configs = [Run.open(out / "cells" / cell.run).config() for m in found.models.values() for cell in m.cells]
    assert [config.features for config in configs] == [Run.open(run).config().features] * 2
    assert [config.training.embedding_decay for config in configs] == [0.5] * 2
