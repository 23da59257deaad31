"""The settings of a job that a study or `compare --tune` may change, with their domains."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from automtl_core.choices import Architecture, of_member
from automtl_core.data.known import Seen
from automtl_core.data.store import Prepared
from automtl_core.dataset.encodings import PLAIN
from automtl_core.errors import UsageError
from automtl_core.fields.encode import FieldEncoder
from automtl_core.fields.sparse import BagEncoder, Vocabulary
from automtl_core.modules.network import Ensemble
from automtl_core.registry.kinds import SPACES
from automtl_core.run_dir.config import RunConfig, merge
from automtl_core.run_dir.facts import SEEN, Budget, EncodingSearch, Environment
from automtl_core.run_dir.run import Run
from automtl_core.search.encoding.search import encoding_domains
from automtl_core.search.strategy import Problem, Tunable
from automtl_core.search.trial import CONFIG, Candidate, Overrides
from automtl_core.search.warm_start import Pairs, WarmStart
from automtl_core.settings.settings import Search, domains
from automtl_core.system.documents import canonical, parse_json
from automtl_core.training.learner import Learner
from automtl_core.workflow.budget import trial_rows, with_rows
from automtl_core.workflow.job import Job
from automtl_core.workflow.trained import Trained, of_finished


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


def tunable(job: Job, run: Run, prepared: Prepared) -> Tunable:
    """Return the settings that a search of a run may choose.

    These are the settings of recipe and space with a domain, and the encodings that the user left to the
    encoding search, whose answers are the values of the run.
    """
    found = {name: d for name, d in domains_of(job).items() if not name.startswith("strategy.")}
    takes_encodings = job.registry.get(SPACES, job.config.space.name).takes_encodings
    if takes_encodings and run.has(EncodingSearch):
        looked = run.read(EncodingSearch).encoding_search
        encodings = encoding_domains(looked, prepared.schema)
        found |= {f"features.{name}": domain for name, domain in encodings.items()}
    values: Mapping[str, Any] = values_of(job)
    count = len(prepared.part("train"))
    rows = run.read(Budget).rows if run.has(Budget) else trial_rows(count) or count

    @lru_cache(maxsize=2)
    def problem(text: str) -> Problem:
        return with_rows(changed(job, parse_json(text, *CONFIG)).problem(prepared), rows)

    return Tunable(lambda overrides: problem(canonical(overrides).decode()), found, values)


def model(job: Job, prepared: Prepared, name: str) -> Candidate:
    """Return a model without choices as a candidate of the search of a job, see `Problem.model`.

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
    return Candidate(name, overrides=overrides)


def average(job: Job, name: str, candidates: Sequence[Candidate]) -> Candidate:
    """Return the mean of several candidates of the search of a job, see `Problem.average`."""
    own = job.config.space.model_dump(mode="json")
    spaces = [dict(candidate.overrides.get("space", {})) for candidate in candidates]
    models = [space if "name" in space else {**own, **space} for space in spaces]
    architecture = Architecture.ensemble([candidate.architecture for candidate in candidates])
    return Candidate(name, architecture, {"space": {"name": AVERAGE, "models": models}})


AVERAGE = "average"
"""Name of the space whose networks are means of several models."""


def read_warm_start(job: Job, prepared: Prepared) -> WarmStart | None:
    """Return the warm start of a job from a run, for data with another encoder; None without one.

    Raises:
        InputMissingError: there is no run.
        ArtifactError: the run is not finished, or damaged.
        UsageError: the run has no field in common with the data, or its model has no weights, such as trees.

    """
    path, registry = job.config.warm_start, job.registry
    if path is None or job.config.strategy is None:
        return None
    run = Run.open(path)
    with registry.expecting(run.read(Environment).plugins):
        of_run = Job.resolve(of_finished(run), registry)
        settings, made = values_of(of_run), Trained.of(run, registry)
        space = of_run.space(made.encoder)
    there, here = made.encoder.fields, prepared.encoder.fields
    common = {name for name in there if name in here and there[name].gives == here[name].gives}
    known = {name: _pairs(there[name], here[name]) for name in common if there[name].gives != "numbers"}
    if not common:
        raise UsageError(f"{path}: has no field in common with the data", "search without --from")
    decisions, network = run.architecture().decisions, made.network.cpu()
    spaces, networks = space.members() or {"": space}, [network]
    if isinstance(network, Ensemble):
        networks = list(network.members)
    parts = [
        (one, of_member(name, decisions), each)
        for (name, one), each in zip(spaces.items(), networks, strict=True)
        if not isinstance(each, Learner)
    ]
    if not parts:
        name = of_run.config.space.name
        what = f"{path}: a search cannot begin with {name}, which has no decisions and no weights"
        raise UsageError(what, "search without --from, or from another run")
    space, decisions, network = max(parts, key=lambda part: len(part[1]))  # the first one that was searched
    architecture = Architecture(decisions)
    return WarmStart(architecture, space.choices(), network, made.encoder.schema, known, settings)


def seen_test_rows(path: Path, prepared: Prepared) -> str | None:
    """Return a warning if a run has learned from test rows, or chosen by them; else None.

    Test rows that equal training rows of the data itself do not count.

    Args:
        path: The run of a warm start.
        prepared: The data to search on.

    """
    known, test = Run.open(path).rows(*SEEN), prepared.rows("test")
    if known is None:
        return None
    theirs, ours = (Seen.of(test, of).rows for of in (known, prepared.rows(*SEEN)))
    if not (count := int((theirs & ~ours).sum())):
        return None
    of = f"{count:,} of the {len(test):,} test rows"
    return f"{path} was trained or chosen on {of}, so test scores will be too high"


def _pairs(there: FieldEncoder, here: FieldEncoder) -> Pairs:
    """Return the ids of equal values; id 0 is that of a missing value in both."""
    if isinstance(there, BagEncoder) and isinstance(here, BagEncoder):
        return _pairs(there.values, here.values)
    if isinstance(there, Vocabulary) and isinstance(here, Vocabulary):
        matches = here.encode(there.values)
        old = np.flatnonzero(matches) + 1
        return np.concatenate([[0], old]), np.concatenate([[0], matches[old - 1]])
    ids = np.arange(there.size if there == here else 1)
    return ids, ids
