"""The outcome of a comparison, as data frames."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from automtl_comparison.document import MEAN, Comparison
from automtl_comparison.views import page


@dataclass(frozen=True, repr=False)
class Compared:
    """The outcome of a comparison; `result` holds all values."""

    result: Comparison
    path: Path
    """Folder of the runs, and of the outcome as JSON, CSV and Markdown."""

    @property
    def scores(self) -> pd.DataFrame:
        """One row per training: model, split, seed, and the main metric of each task and of the mean."""
        rows = []
        for model in self.result.models:
            by_task: dict[str, dict[tuple[int, int], float]] = {}
            for metric in self.result.metrics():
                for task, values in self.result.scores(model, metric).items():
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
        """One row per model: difference of the mean to the reference, its interval, p-value and verdict."""
        rows = {}
        for model, by_task in self.result.differences(self.result.reference).items():
            gap = by_task.get(MEAN)
            numbers = {} if gap is None else {"difference": gap.mean, "low": gap.low, "high": gap.high}
            rows[model] = {**numbers, "p": gap and gap.adjusted_p, "verdict": self.verdicts[model]}
        return pd.DataFrame.from_dict(rows, orient="index")

    @property
    def verdicts(self) -> dict[str, str]:
        """Model -> verdict in words, for each model except the reference."""
        return self.result.verdicts()

    def __repr__(self) -> str:
        return f"Compared({list(self.result.models)}, {str(self.path)!r})"

    def __str__(self) -> str:
        return self._repr_markdown_()

    def _repr_markdown_(self) -> str:
        """Return the view in a notebook: the tables of the command line."""
        return page(self.result)
