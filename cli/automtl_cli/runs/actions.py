"""What commands do: from options to a job, and from a job to a run."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from automtl_cli.configuration import raw_folder
from automtl_cli.data import preparing
from automtl_cli.runs import architecture, progress
from automtl_core.data.store import Prepared
from automtl_core.errors import ArtifactError, AutoMTLError, OutOfMemoryError, StorageError, UsageError
from automtl_core.plugins import load_registry
from automtl_core.runs import models, pipeline
from automtl_core.runs.config import Layer, default, load_config, split
from automtl_core.runs.job import Job, environment
from automtl_core.runs.run import Run, numbered


def job(wanted: Sequence[Layer]) -> Job:
    """Return the job that layers of a configuration describe."""
    registry = load_registry()
    return with_data_dir(Job.resolve(load_config(default(registry), *wanted), registry))


def job_of(run: Run, data_dir: Path | None = None) -> Job:
    """Return the job of an existing run, with the raw files in another folder where one is given."""
    config = run.config()
    if data_dir is not None:
        config = config.model_copy(update={"data_dir": data_dir})
    return with_data_dir(Job.resolve(config, load_registry()))


def with_data_dir(job: Job) -> Job:
    """Say where the raw files are, if the dataset has any, so that it holds from any working directory."""
    folder = raw_folder(job.dataset(), job.config)
    return job.having(data_dir=folder) if folder else job


def prepare(job: Job) -> Prepared:
    """Prepare the job's data, show how far that is, and say what one should know of it."""
    with preparing.stages("preparing data") as show:
        prepared = job.prepare(show, preparing.memory_limit())
    preparing.warn(prepared)
    return prepared


def model(name: str | None, wanted: Sequence[Layer]) -> Job:
    """Return the job that trains one model.

    Raises:
        UsageError: no model is named.

    """
    if name is None:
        raise UsageError("train needs a model", "name one, such as --model mmoe; see `automtl list spaces`")
    (found,) = model_jobs([name], wanted).values()
    return found


def model_jobs(names: Sequence[str], wanted: Sequence[Layer]) -> dict[str, Job]:
    """Return the job of each model by its name, under what layers of a configuration say of all."""
    registry = load_registry()
    lowest, _ = split(default(registry))
    jobs = models.models(names, registry, lowest, *wanted)
    return {name: with_data_dir(job) for name, job in jobs.items()}


def _create(job: Job, prepared: Prepared, runs_dir: Path, name: str | None) -> AbstractContextManager[Run]:
    if name is not None and (not name or Path(name).name != name):
        raise UsageError(f"--name {name!r} is not a plain name", "choose the folder by --runs-dir")
    if name is not None:
        return pipeline.start(job, prepared, runs_dir / name)
    return numbered(runs_dir, job.config.dataset.name, partial(pipeline.start, job, prepared))


def resume(path: Path, also_given: bool) -> dict[str, Any]:
    """Go on with a run that was stopped, and return what was found.

    Raises:
        UsageError: the run is done, or options would change it.

    """
    if also_given:
        raise UsageError(
            "--resume goes on with a run as it is, and takes no other settings",
            "leave them out, or start anew",
        )
    run = Run.open(path)
    if run.read("status").get("state") == "done":
        raise UsageError(f"{path}: the run is done", f"see it: automtl show {path}")
    job = job_of(run)
    return _search(job, run.working(), prepare(job))


def plan(job: Job) -> dict[str, Any]:
    """Return what a search would do, and the resolved configuration."""
    return {"plan": pipeline.plan(job, prepare(job)), "config": job.config.model_dump(mode="json")}


def search(job: Job, runs_dir: Path, name: str | None) -> dict[str, Any]:
    """Search, train and test in a new run directory, and return what was found."""
    prepared = prepare(job)
    return _search(job, _create(job, prepared, runs_dir, name), prepared)


def _search(job: Job, held: AbstractContextManager[Run], prepared: Prepared) -> dict[str, Any]:
    with held as run, _resumable(run), progress.training() as listener:
        result = pipeline.search(job, run, prepared, listener)
    return {
        "run": str(run.path),
        "min_positives": job.config.training.min_positives,
        "result": result,
        "architecture": architecture.document(run.architecture()),
    }


@contextmanager
def _resumable(run: Run) -> Iterator[None]:
    """Add how to go on to what stops a run, unless going on would end the same."""
    try:
        yield
    except BaseException as error:
        if not isinstance(error, AutoMTLError) or isinstance(error, (StorageError, OutOfMemoryError)):
            error.add_note(f"go on with: automtl search --resume {run.path}")
        raise


def evaluate(path: Path, data_dir: Path | None) -> dict[str, Any]:
    """Return the test metrics of a run's network, and how they compare with the recorded ones."""
    run = Run.open(path)
    job = job_of(run, data_dir)
    recorded, prepared = run.read("result"), prepare(job)
    test = {task: m.to_json() for task, m in pipeline.evaluate_run(job, run, prepared).items()}
    then, now = run.read("environment"), environment(job)
    return {
        "run": str(path),
        "test": test,
        "min_positives": job.config.training.min_positives,
        "reachable": pipeline.reachable(prepared),
        "repeats": test == recorded["test"],
        "changed": {key: [then.get(key), value] for key, value in now.items() if value != then.get(key)},
    }


def check_repeated(outcome: Mapping[str, Any]) -> None:
    """Check that an evaluation repeated what the run recorded.

    Raises:
        ArtifactError: it did not; names what has changed since.

    """
    if not outcome["repeats"]:
        changed = [f"{key} was {then}, is {now}" for key, (then, now) in outcome["changed"].items()]
        raise ArtifactError(
            f"{outcome['run']}: the test metrics are not those that the run recorded",
            "; ".join(changed) or "use the raw files, versions and thread count of the run",
        )
