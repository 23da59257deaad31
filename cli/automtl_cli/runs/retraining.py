"""The command that trains the architecture of a run anew."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.console import RenderableType

from automtl_cli.output import Json
from automtl_cli.runs import actions, shelf
from automtl_cli.tables import safe
from automtl_core.config.config import Layer
from automtl_core.training.metrics import mean_over_tasks


def retrained(run: Path, seeds: int, layers: Sequence[Layer], runs_dir: Path) -> Json:
    """Train, and return the runs, with which of them is the best on validation rows."""
    found = list(actions.workflow().retrain(run, seeds, layers, runs_dir))

    def score(number: int) -> float:
        metrics = found[number].result.validation
        values = {task: getattr(m, "auc", None) for task, m in metrics.items()}
        return mean_over_tasks(values, metrics, found[number].min_positives) or 0.0

    best = found[max(range(len(found)), key=score)].run
    return {**shelf.compared([each.run for each in found]), "best": str(best)}


def render(document: Json) -> Iterator[RenderableType]:
    """Render test metrics of the runs, and which one to take."""
    yield shelf.side_by_side(document["runs"])
    yield safe(f"best on validation rows: {document['best']}")
