"""The settings of a job that a study or `compare --tune` may change, with their domains."""

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

from automtl_core.data.store import Prepared
from automtl_core.dataset.encodings import ANSWERS
from automtl_core.disk.plain_file import parse_json
from automtl_core.disk.signed import canonical
from automtl_core.registry.kinds import SPACES
from automtl_core.run_dir.config import RunConfig, merge
from automtl_core.run_dir.facts import EncodingSearch
from automtl_core.run_dir.run import Run
from automtl_core.search.encoding.search import encoding_domains
from automtl_core.search.strategy import Problem, Tunable
from automtl_core.search.trial import CONFIG, Overrides
from automtl_core.settings.domain import Search, domains
from automtl_core.workflow.budget import Budget, trial_rows, with_rows
from automtl_core.workflow.job import Job


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
    return found | {f"features.{name}": getattr(job.config.features, name) for name in ANSWERS}


def changed(job: Job, overrides: Overrides) -> Job:
    """Return the job with other values of settings; raises as `Job.resolve` does."""
    config = RunConfig.parse(merge(job.config.model_dump(mode="json"), overrides))
    return replace(Job.resolve(config, job.registry), encoding_search=job.encoding_search)


def tunable(job: Job, run: Run, prepared: Prepared) -> Tunable:
    """Return the settings that a search of a run may choose.

    These are the settings of recipe and space with a domain, and the encodings that the user left to the
    encoding search, whose answers are the values of the run.
    """
    found = {name: d for name, d in domains_of(job).items() if not name.startswith("strategy.")}
    takes_encodings = job.registry.get(SPACES, job.config.space.name).takes_encodings
    if takes_encodings and run.has(EncodingSearch):
        timed = prepared.times("train") is not None
        looked = run.read(EncodingSearch).encoding_search
        encodings = encoding_domains(looked, prepared.schema, timed)
        found |= {f"features.{name}": domain for name, domain in encodings.items()}
    values: Mapping[str, Any] = values_of(job)
    count = len(prepared.part("train"))
    rows = run.read(Budget).rows if run.has(Budget) else trial_rows(count) or count

    @lru_cache(maxsize=2)
    def problem(text: str) -> Problem:
        return with_rows(changed(job, parse_json(text, *CONFIG)).problem(prepared), rows)

    return Tunable(lambda overrides: problem(canonical(overrides).decode()), found, values)
