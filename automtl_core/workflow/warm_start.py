"""A search that starts with what a run found."""

from pathlib import Path

import numpy as np
import pandas as pd

from automtl_core.data.columns import Buckets, FieldEncoding, Hashed, Vocabulary
from automtl_core.data.encoder import Encoder
from automtl_core.errors import UsageError
from automtl_core.registry.registry import Registry
from automtl_core.run_dir.facts import Environment
from automtl_core.run_dir.run import Run
from automtl_core.search.warm_start import Pairs, Start
from automtl_core.workflow.job import Job
from automtl_core.workflow.trained import Trained


def started(path: Path, encoder: Encoder, registry: Registry) -> Start:
    """Return what a run found, for data with another encoder.

    Args:
        path: A finished run.
        encoder: Of the data to search on.
        registry: Has the plugins of the run.

    Raises:
        InputMissingError: there is no run.
        ArtifactError: it is not finished, or damaged.
        UsageError: it has no field in common with the data.

    """
    run = Run.open(path)
    with registry.expecting(run.read(Environment).plugins):
        job = Job.resolve(run.config(), registry)
        made = Trained.of(job, run)
        choices = job.space(made.encoder).choices()
    there, here = made.encoder.fields, encoder.fields
    known = {name: _pairs(there[name], here[name]) for name in there if name in here}
    numbers = {*made.encoder.scales} & {*encoder.scales}
    if not known and not numbers:
        raise UsageError(f"{path}: has no field in common with the data", "search without --from")
    return Start(run.architecture(), choices, made.network.cpu(), made.encoder.schema, known)


def _pairs(there: FieldEncoding, here: FieldEncoding) -> Pairs:
    """Return the ids of equal values; id 0 is that of a blank in both."""
    if isinstance(there, Vocabulary) and isinstance(here, Vocabulary):
        found = pd.Index(here.values, dtype=object).get_indexer(pd.Index(there.values, dtype=object)) + 1
        old = np.flatnonzero(found) + 1
        return np.concatenate([[0], old]), np.concatenate([[0], found[old - 1]])
    same = isinstance(there, Hashed | Buckets) and there == here
    ids = np.arange(there.size if same else 1)
    return ids, ids
