"""What a comparison found, as frames."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from automtl_core.comparison.document import MEAN, Comparison
from automtl_core.views.comparison import page


@dataclass(frozen=True)
class Compared:
    """The outcome of a comparison; `found` has all of it."""

    found: Comparison
    path: Path
    """Folder that keeps the runs, and the outcome as JSON, CSV and Markdown."""

    @property
    def scores(self) -> pd.DataFrame:
        """A row a run: model, seeds, and the deciding metric of each task and in the mean."""
        rows = []
        for model in self.found.models:
            by_task: dict[str, dict[tuple[int, int], float]] = {}
            for metric in self.found.metrics():
                for task, values in self.found.scores(model, metric).items():
                    by_task.setdefault(task, dict(values))
            places = sorted({place for values in by_task.values() for place in values})
            rows += [
                {
                    "model": model,
                    "split": place[0],
                    "seed": place[1],
                    **{task: values[place] for task, values in by_task.items() if place in values},
                }
                for place in places
            ]
        return pd.DataFrame(rows)

    @property
    def differences(self) -> pd.DataFrame:
        """A row a model: its difference to the reference in the mean, interval, p and verdict."""
        rows = {}
        for model, by_task in self.found.differences(self.found.reference).items():
            told = by_task.get(MEAN)
            numbers = {} if told is None else {"difference": told.mean, "low": told.low, "high": told.high}
            rows[model] = {**numbers, "p": told and told.adjusted_p, "verdict": self.verdicts[model]}
        return pd.DataFrame.from_dict(rows, orient="index")

    @property
    def verdicts(self) -> dict[str, str]:
        """What is said of each model but the reference."""
        return self.found.verdicts()

    def _repr_markdown_(self) -> str:
        """Return what a notebook shows: the tables that the command line prints."""
        return page(self.found)
