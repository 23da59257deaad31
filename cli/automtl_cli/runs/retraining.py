"""The command that retrains the architecture of a run."""

from collections.abc import Sequence
from pathlib import Path

from automtl_cli.output import emit
from automtl_cli.runs import actions, run_list
from automtl_core.run_dir.config import Layer
from automtl_core.run_dir.run_list import summary
from automtl_core.training.metrics import mean_over_tasks
from automtl_core.views.outcome import side_by_side


def retrain(run: Path, seeds: int, layers: Sequence[Layer], runs_dir: Path, as_json: bool) -> None:
    """Retrain, and print the runs and the best one on validation rows."""
    records = list(actions.workflow().retrain(run, seeds, layers, runs_dir))

    def score(number: int) -> float:
        metrics = records[number].result.validation
        values = {task: m.evidence for task, m in metrics.items()}
        return mean_over_tasks(values, metrics, records[number].min_positives) or 0.0

    best = records[max(range(len(records)), key=score)].path
    runs = [summary(each.path) for each in records]
    note = f"best on validation rows: {best}"
    emit({**run_list.compared(runs), "best": str(best)}, lambda _: side_by_side(runs, note), as_json)
