"""A search with the scheduler of the examples, which keeps three trainings open."""

from pathlib import Path

import pytest

from automtl_core.errors import UnknownNameError
from automtl_core.registry.plugins import load_registry
from automtl_core.training.events import EpochEnded
from automtl_core.workflow.run_trial import run_trial
from automtl_core.workflow.workflow import Workflow
from automtl_engines.processes import Processes, ProcessesSettings

FILE = Path(__file__).parents[2] / "examples" / "scheduler" / "automtl_example_scheduler.py"
LAYER = {
    "dataset": {"name": "synthetic", "rows": 800},
    "training": {"batch_size": 256, "epochs": 4, "patience": 4, "min_positives": 1},
    "space": {"embedding_dim": 4, "experts": 2, "expert_width": 8, "ops": ["identity", "mlp-8"]},
    "strategy": {"name": "random", "candidates": 6, "scheduler": {"name": "example-scheduler", "eta": 2}},
    "features": "ids",
}
EQUAL = ("architecture.json", "metrics.jsonl", "weights.safetensors", "search.json")


class KilledError(Exception):
    """Ends a search, as a kill of its process does."""


@pytest.fixture
def searched(install, tmp_path):
    """Return a function that searches with ASHA, and returns the run directory and the phases of epochs."""
    install(FILE.read_text(), "asha")

    def search(name, executor=None, kill_after=None, **strategy):
        phases = []

        def listener(event):
            phases.extend([event.phase] if isinstance(event, EpochEnded) else [])
            if len(phases) == kill_after:
                raise KilledError
            return True

        layer = {
            **LAYER,
            "prepared_dir": tmp_path / "prepared",
            "strategy": {**LAYER["strategy"], **strategy},
        }
        workflow = Workflow(load_registry(), listener, executor)
        path = tmp_path / "runs" / name
        if path.exists():
            workflow.resume(path)
        else:
            workflow.search(workflow.job([layer]), tmp_path / "runs", name)
        return path, phases

    return search


def test_a_candidate_is_promoted_before_the_first_rung_is_full(searched):
    _, phases = searched("one")
    begun = list(dict.fromkeys(phases))
    assert len(begun) == 6
    first = next(k for k, phase in enumerate(phases) if phase in phases[:k])
    assert len({*phases[:first]}) < 6, "the others begin after it"
    assert max(map(phases.count, begun)) == 4, "the best one is trained to its end"


def test_two_workers_and_a_kill_leave_the_bytes_as_they_are(searched):
    path, phases = searched("one")
    with Processes(ProcessesSettings(threads=1), 2).executor(run_trial) as pool:
        other, again = searched("two", pool)
        assert again == phases
        with pytest.raises(KilledError):
            searched("killed", pool, kill_after=len(phases) // 2)
        killed, rest = searched("killed", pool)
    assert rest == phases[len(phases) // 2 - 1 :] or rest == phases[len(phases) // 2 :]
    for file in EQUAL:
        assert (path / file).read_bytes() == (other / file).read_bytes() == (killed / file).read_bytes(), file


def test_an_unknown_scheduler_or_setting_is_an_error_before_the_search(searched):
    with pytest.raises(UnknownNameError, match=r"no scheduler is called 'example-schedule' .did you mean"):
        searched("one", scheduler="example-schedule")
