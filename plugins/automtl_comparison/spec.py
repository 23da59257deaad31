"""Specification of a comparison, from the names of models to the outcome."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from math import ceil
from pathlib import Path

from automtl_comparison.cells import CellRunner
from automtl_comparison.compare import compare
from automtl_comparison.document import Comparison
from automtl_comparison.folder import COMPARISONS
from automtl_comparison.splits import in_split, split_seeds
from automtl_comparison.tuning import batches
from automtl_core.errors import UsageError, did_you_mean, listing
from automtl_core.registry.registry import Registry
from automtl_core.run_dir.config import Layer
from automtl_core.training.events import Warned
from automtl_core.workflow.data_warnings import training_warnings
from automtl_core.workflow.models import common
from automtl_core.workflow.workflow import Workflow

UNSHOWN: Layer = {"importance": {"rows": 0}}
"""Lowest layer of a comparison, which shows models and not their fields: each training would predict its test
rows once more for each field."""


@dataclass(frozen=True)
class ComparisonSpec:
    """Arguments of a comparison."""

    models: Sequence[str]
    """Names of the models, see `workflow.models`."""
    seeds: int = 3
    """Runs of each model on each split."""
    splits: int = 1
    """Splits of the data, each with all seeds."""
    trials: int = 0
    """Number of recipes that each model tries on validation data."""
    reference: str | None = None
    """Model that the others are compared with; None for the first one."""
    out: Path | None = None
    """Folder of the results and runs; None for `comparisons/<name>`."""
    name: str | None = None
    """Name of the configuration; None for that of the dataset."""
    preset: Layer | None = None
    """Settings for the models; each model uses those that it has."""
    seconds: float | None = None
    """Time budget of all runs; each run, and each trial of tuning, has an equal part."""
    workers: int = 1
    """Number of runs at once; the time budget depends on it, and no other value."""

    def compared(self, workflow: Workflow, layers: Sequence[Layer]) -> tuple[Comparison, Path]:
        """Return the outcome, and the folder of its runs.

        Args:
            workflow: Resolves jobs, prepares data, and runs the trials.
            layers: Configuration layers that all models share, the strongest last.

        Raises:
            UsageError: there is no model, or the reference is not one of them.
            RunExistsError: the folder holds another comparison.

        """
        if not self.models:
            raise UsageError("no model to compare", "name some, such as --models mmoe,ple")
        jobs = workflow.models(
            self.models, [*layers, self._time()], self.preset, [UNSHOWN, self._inputs(workflow.registry)]
        )
        common = next(iter(jobs.values()))
        reference = self.reference if self.reference is not None else next(iter(jobs))
        if reference not in jobs:
            hint = did_you_mean(reference, jobs)
            raise UsageError(
                f"--reference {reference!r} is not one of the models{hint}", f"known: {listing(jobs)}"
            )
        out = self.out if self.out is not None else COMPARISONS / (self.name or common.config.dataset.name)
        splits = split_seeds(common, self.splits)
        prepared = {split: workflow.prepare(in_split(common, split)) for split in splits}
        sentences = (training_warnings(one, common.config.training) for one in prepared.values())
        for sentence in dict.fromkeys(chain.from_iterable(sentences)):
            workflow.listener(Warned(sentence))
        seeds = range(common.config.seed, common.config.seed + self.seeds)
        executor = workflow.trials(*prepared.values())
        bench = CellRunner(out, prepared, executor, workflow.listener, workflow.resolve_auto)
        return compare(jobs, seeds, self.trials, reference, bench), out

    def _inputs(self, registry: Registry) -> Layer:
        """Return the feature encodings of the first run among the models, as a configuration layer.

        All models are compared on these encodings, unless the configuration sets others: with other
        encodings, the search space of a run may have choices that the run does not decide.
        """
        for name in self.models:
            if shared := common(name, registry):
                decay = shared["training"]["embedding_decay"]
                return {"features": shared["features"], "training": {"embedding_decay": decay}}
        return {}

    def _time(self) -> Layer:
        """Return the time budget of each run: that of all, divided by the runs of one worker."""
        if self.seconds is None:
            return {}
        tried = batches(self.trials) if self.trials > 1 else []
        runs = [len(self.models) * count for count in [*tried * self.splits, self.splits * self.seeds]]
        return {"time_budget": self.seconds / sum(ceil(count / self.workers) for count in runs)}
