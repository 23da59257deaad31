"""What is to be compared, from the names of models to the outcome."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from automtl_core.comparison.cells import Bench
from automtl_core.comparison.compare import compare
from automtl_core.comparison.document import Comparison
from automtl_core.comparison.splits import in_split, split_seeds
from automtl_core.errors import UsageError, did_you_mean, listing
from automtl_core.run_dir.config import Layer
from automtl_core.workflow.models import common
from automtl_core.workflow.workflow import Workflow


@dataclass(frozen=True)
class Wanted:
    """What to compare."""

    models: Sequence[str]
    """By their names, see `runs.models`."""
    seeds: int = 3
    """Runs of each model."""
    splits: int = 1
    """Of the data, each with all seeds."""
    trials: int = 0
    """Recipes that each model tries on validation data."""
    reference: str | None = None
    """Model that the others are compared with; the first where None."""
    out: Path | None = None
    """Folder that keeps all; named after the dataset where None."""
    preset: Layer | None = None
    """Settings of which each model takes what it knows."""
    seconds: float | None = None
    """For all; each run, and each recipe that is tried, has an equal part."""

    def compared(self, workflow: Workflow, layers: Sequence[Layer]) -> tuple[Comparison, Path]:
        """Return the outcome, and the folder that keeps its runs.

        Args:
            workflow: Makes jobs and data, and runs the trials.
            layers: Of the configuration that all models share, the strongest last.

        Raises:
            UsageError: there is no model, or the reference is none of them.

        """
        if not self.models:
            raise UsageError("there is no model to compare", "name some, such as --models mmoe,ple")
        jobs = workflow.models(self.models, [*layers, self._time()], self.preset, [self._inputs()])
        common = next(iter(jobs.values()))
        reference = self.reference if self.reference is not None else next(iter(jobs))
        if reference not in jobs:
            hint = did_you_mean(reference, jobs)
            raise UsageError(
                f"--reference {reference!r} is none of the models{hint}", f"known: {listing(jobs)}"
            )
        out = self.out if self.out is not None else Path("comparisons") / common.config.dataset.name
        splits = split_seeds(common, self.splits)
        prepared = {split: workflow.prepare(in_split(common, split)) for split in splits}
        seeds = range(common.config.seed, common.config.seed + self.seeds)
        executor = workflow.trials(*prepared.values())
        bench = Bench(out, prepared, executor, workflow.listener, workflow.answered)
        return compare(jobs, seeds, self.trials, reference, bench), out

    def _inputs(self) -> Layer:
        """Return how fields are encoded in the first of the runs that are named, as a layer.

        What was found on some inputs is compared on these, unless told otherwise: on others its space might
        ask what the run does not answer.
        """
        for name in self.models:
            if shared := common(name):
                decay = shared["training"]["embedding_decay"]
                return {"inputs": shared["inputs"], "training": {"embedding_decay": decay}}
        return {}

    def _time(self) -> Layer:
        if self.seconds is None:
            return {}
        tried = self.trials if self.trials > 1 else 0
        return {"time_budget": self.seconds / (len(self.models) * self.splits * (self.seeds + tried))}
