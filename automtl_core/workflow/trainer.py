"""The trainer: runs the trial of one architecture from its spec alone."""

from dataclasses import replace
from pathlib import Path

from automtl_core.data.store import Prepared
from automtl_core.disk.plain_file import parse_json
from automtl_core.registry.registry import Registry
from automtl_core.search.encoding.rows import EncodingSearchSettings, Rows, divided
from automtl_core.search.strategy import Problem
from automtl_core.search.train_trial import train_trial
from automtl_core.search.trial import CONFIG, TrialResult, TrialSpec
from automtl_core.space import SearchSpace
from automtl_core.training.compute import computing
from automtl_core.training.events import Listener
from automtl_core.training.process import return_memory
from automtl_core.workflow.budget import with_rows
from automtl_core.workflow.job import Job


class Trainer:
    """Trains architectures in this process. Data and problems that trials share are loaded once.

    Args:
        registry: The plugins.
        prepared: Data that is already open.
        known: A job with its space for the first of these data, which trials of this job share.

    """

    def __init__(
        self, registry: Registry, *prepared: Prepared, known: tuple[Job, SearchSpace] | None = None
    ) -> None:
        self.registry = registry
        self._known = known
        self._prepared = {str(each.path): each for each in prepared}
        self._problem: tuple[TrialSpec, Problem] | None = None
        self._rows: tuple[tuple[Path, EncodingSearchSettings], Rows] | None = None

    def __call__(self, spec: TrialSpec, listener: Listener) -> TrialResult:
        """Train the architecture of a spec.

        Raises:
            ArtifactError: data or checkpoint are damaged.
            OutOfMemoryError: the machine has too little memory.

        """
        with computing():
            result = train_trial(self._problem_of(spec), spec, listener)
        return_memory()
        return result

    def open(self, spec: TrialSpec) -> tuple[Job, Prepared]:
        """Return the job and the data of a spec."""
        if spec.data not in self._prepared:
            self._prepared[spec.data] = Prepared.open(Path(spec.data))
        return Job.of_json(parse_json(spec.config, *CONFIG), self.registry), self._prepared[spec.data]

    def _problem_of(self, spec: TrialSpec) -> Problem:
        shared = replace(spec, architecture=None, member=0, folder="", max_epochs=None, loss_rows=0)
        if self._problem is None or self._problem[0] != shared:
            job, prepared = self.open(spec)
            rows = self._rows_of(job, prepared) if spec.held_out else None
            problem = job.problem(prepared, rows, self._space_of(job, prepared))
            self._problem = (
                shared,
                problem if spec.train_rows is None else with_rows(problem, spec.train_rows),
            )
        return self._problem[1]

    def _space_of(self, job: Job, prepared: Prepared) -> SearchSpace | None:
        """Return the known space if it is that of a job, else None."""
        if self._known is None or prepared is not next(iter(self._prepared.values())):
            return None
        known, space = self._known
        parts = [(one.config.space, one.config.features) for one in (known, job)]
        return space if parts[0] == parts[1] else None

    def _rows_of(self, job: Job, prepared: Prepared) -> Rows:
        key = prepared.path, job.config.encoding_search
        if self._rows is None or self._rows[0] != key:
            self._rows = key, divided(prepared, job.config.encoding_search)
        return self._rows[1]
