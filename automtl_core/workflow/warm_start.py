"""Warm starts from a finished run."""

from pathlib import Path

import numpy as np

from automtl_core.data.encoder import Encoder
from automtl_core.data.store import Prepared
from automtl_core.errors import UsageError, listing
from automtl_core.fields.bag import BagEncoder
from automtl_core.fields.encode import FieldEncoder
from automtl_core.fields.sparse import Vocabulary
from automtl_core.modules.network import Ensemble
from automtl_core.registry.registry import Registry
from automtl_core.run_dir.facts import Data, Environment
from automtl_core.run_dir.run import Run
from automtl_core.search.warm_start import Pairs, WarmStart
from automtl_core.workflow.job import Job
from automtl_core.workflow.trained import Trained, of_finished
from automtl_core.workflow.tunable import values_of

SPLIT = ("split", "split_seed", "validation_fraction", "test_fraction")
"""Settings of a dataset that decide which rows are test rows."""


def read_warm_start(path: Path, encoder: Encoder, registry: Registry) -> WarmStart:
    """Return the warm start from a run, for data with another encoder.

    Args:
        path: A finished run.
        encoder: Encoder of the data to search on.
        registry: Registry with the plugins of the run.

    Raises:
        InputMissingError: there is no run.
        ArtifactError: the run is not finished, or damaged.
        UsageError: the run has no field in common with the data.

    """
    run = Run.open(path)
    with registry.expecting(run.read(Environment).plugins):
        job = Job.resolve(of_finished(run), registry)
        settings = values_of(job)
        made = Trained.of(run, job.registry)
        choices = job.space(made.encoder).choices()
    there, here = made.encoder.fields, encoder.fields
    common = {name for name in there if name in here and there[name].gives == here[name].gives}
    known = {name: _pairs(there[name], here[name]) for name in common if there[name].gives != "numbers"}
    if not common:
        raise UsageError(f"{path}: has no field in common with the data", "search without --from")
    architecture, network = run.architecture(), made.network.cpu()
    if isinstance(network, Ensemble):  # its first member, which alone is the best
        architecture, network = next(iter(architecture.members.values())), network.members[0]
    return WarmStart(architecture, choices, network, made.encoder.schema, known, settings)


def seen_test_rows(path: Path, prepared: Prepared) -> str | None:
    """Return a warning if a run was trained on other rows of the same files; else None.

    Args:
        path: The run of a warm start.
        prepared: The data to search on.

    """
    theirs, ours = Run.open(path).read(Data), Data.of(prepared)
    same = (theirs.dataset, _contents(theirs)) == (ours.dataset, _contents(ours))
    changed = [key for key in SPLIT if theirs.settings.get(key) != ours.settings.get(key)]
    if not same or not changed:
        return None
    names = listing([f"dataset.{key}" for key in changed])
    return (
        f"{path} was trained on the same files with another {names}: it has seen test rows of this split, "
        "so test scores will be too high"
    )


def _contents(data: Data) -> object:
    """Return the digests of the raw files or, for generated data, the settings besides the split."""
    if data.raw:
        return sorted(file["sha256"] for file in data.raw.values())
    return {key: value for key, value in data.settings.items() if key not in SPLIT}


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
