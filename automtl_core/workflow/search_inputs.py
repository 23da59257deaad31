"""The settings of a job that a study or `compare --tune` may change, with their domains."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from automtl_core.choices import Architecture
from automtl_core.data.store import Prepared
from automtl_core.dataset.encodings import PLAIN
from automtl_core.errors import UsageError
from automtl_core.registry.kinds import SPACES
from automtl_core.run_dir.config import RunConfig, merge
from automtl_core.run_dir.facts import EncodingSearch
from automtl_core.search.encoding.search import encoding_domains
from automtl_core.search.trial import Overrides, Training, Trials
from automtl_core.settings.settings import Search, domains
from automtl_core.workflow.budget import trial_rows
from automtl_core.workflow.job import Job
from automtl_core.workflow.work import Work


def domains_of(job: Job) -> dict[str, Search]:
    """Return the domains of settings of space, strategy and recipe, such as `training.learning_rate`."""
    return {
        path: domain
        for part, settings in job.settings.items()
        for name, domain in domains(type(settings)).items()
        if (path := f"{part}.{name}") not in job.ignores
    }


def values_of(job: Job) -> dict[str, Any]:
    """Return the values of settings with a domain, and of encodings."""
    found = {}
    for path in domains_of(job):
        part, _, name = path.partition(".")
        found[path] = getattr(job.settings[part], name)
    features = job.config.features.model_dump()
    return found | {f"features.{name}": features[name] for name in PLAIN}


def changed(job: Job, overrides: Overrides) -> Job:
    """Return the job with other values of settings; raises as `Job.resolve` does."""
    config = RunConfig.parse(merge(job.config.model_dump(mode="json"), overrides))
    return replace(Job.resolve(config, job.registry), encoding_search=job.encoding_search)


def trials(work: Work) -> Trials:
    """Return the trainings that a search of a run may choose.

    It may choose the settings of recipe and space with a domain, and the encodings that the user left to the
    encoding search, whose answers are the values of the run.
    """
    job, run, prepared = work.job.having(listeners=()), work.run, work.prepared
    found = {name: d for name, d in domains_of(job).items() if not name.startswith("strategy.")}
    takes_encodings = job.registry.get(SPACES, job.config.space.name).takes_encodings
    if takes_encodings and run.has(EncodingSearch):
        looked = run.read(EncodingSearch).encoding_search
        encodings = encoding_domains(looked, prepared.schema)
        found |= {f"features.{name}": domain for name, domain in encodings.items()}

    return Trials(
        work.training("", config=job.config, train_rows=trial_rows(prepared.manifest["rows"]["train"])),
        work.executor,
        config=lambda overrides: changed(job, overrides).config,
        problem=work.problems,
        domains=found,
        values=values_of(job),
        model=partial(model, job, prepared),
        average=partial(average, job),
    )


def model(job: Job, prepared: Prepared, name: str) -> Training:
    """Return a model without choices as a training of the search of a job, see `Trials.model`.

    Raises:
        UsageError: a library is missing, the model cannot learn the tasks, or it has choices.
        UnknownNameError: no plugin registers it.

    """
    found = job.registry.get(SPACES, name)
    settings = {"name": name, **found.settings_class().model_dump(mode="json")}
    overrides = {"space": settings}
    space = changed(job, overrides).space(prepared)
    if space.choices():
        raise UsageError(f"{name} leaves choices open", "name models without choices, such as mmoe")
    if space.members():
        raise UsageError(f"{name} is the mean of several models", "name the models themselves")
    return Training(name, overrides=overrides)


def average(job: Job, name: str, trainings: Sequence[Training]) -> Training:
    """Return the mean of several trainings of the search of a job, see `Trials.average`."""
    own = job.config.space.model_dump(mode="json")
    spaces = [dict(one.overrides.get("space", {})) for one in trainings]
    models = [space if "name" in space else {**own, **space} for space in spaces]
    architecture = Architecture.ensemble([one.architecture for one in trainings])
    return Training(name, architecture, {"space": {"name": AVERAGE, "models": models}})


AVERAGE = "average"
"""Name of the space whose networks are means of several models."""
