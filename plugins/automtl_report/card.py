"""What the model card of an exported network tells beside the figures of its run: meanings and limits.

After Mitchell et al., "Model Cards for Model Reporting", FAT* 2019.
"""

from collections.abc import Iterator

from automtl_core.dataset.schema import Task, scores_of
from automtl_core.run_dir.facts import Data
from automtl_inspection.sections import Grid, Section, Text
from automtl_report.record import RunRecord


def tasks(record: RunRecord) -> Iterator[Section]:
    """Yield what is predicted, and the scores that an export returns."""
    of = record.schema.tasks if record.schema else ()
    yield Section("Tasks", [Grid(["task", "predicted"], [[task.name, _meaning(task)] for task in of])])
    yield Section("Scores", [Grid(["score", "meaning"], [[one.name, one.meaning] for one in scores_of(of)])])


def _meaning(task: Task) -> str:
    meaning = task.type.meaning.format(task.name)
    if task.type.standardised:
        meaning += f"; mean {task.mean:.4g}, deviation {task.deviation:.4g} in training rows"
    return f"{meaning}, where {task.given} is 1" if task.given else meaning


def limits(record: RunRecord) -> Iterator[Section]:
    """Yield what the metrics do not tell."""
    scopes = {
        "random": "Test rows were drawn at random: later rows, and those of new users, may differ more.",
        "time": "Test rows are the latest: rows of other times may differ more.",
        "user": "Test rows are of users without training rows.",
    }
    known = ["All values that are not in the training rows, and blanks, share one unseen id."]
    if split := scopes.get(str(record.read(Data).settings.get("split"))):
        known.insert(0, split)
    if record.schema and any(task.given for task in record.schema.tasks):
        known.append("Where a task counts only if another label is 1, its metrics are those of such rows.")
    yield Section("Limits", [Text(f"- {sentence}") for sentence in known])
