"""The permutation importance of a run: the fields that its network reads, on its test rows."""

from collections.abc import Sequence
from dataclasses import replace

from automtl_core.choices import Architecture
from automtl_core.data.store import Prepared
from automtl_core.dataset.schema import Schema
from automtl_core.run_dir.facts import Importance
from automtl_core.run_dir.run import Run
from automtl_core.space import SearchSpace
from automtl_core.training.events import Listener, phase
from automtl_core.training.importance import importance, sample
from automtl_core.workflow.budget import IMPORTANCE, Budget
from automtl_core.workflow.job import Job
from automtl_core.workflow.trained import Trained

PHASE = "permutation importance"
"""Name of the phase in events."""
BATCHES = 4
"""Batches of training that are predicted together: a prediction keeps no activations for gradients."""


def run_importance(
    job: Job,
    run: Run,
    prepared: Prepared,
    made: Trained,
    fields: Sequence[str],
    seconds_per_row: float,
    listener: Listener,
) -> Importance | None:
    """Return the permutation importance of a run's network; None where it is turned off or has no time.

    Args:
        job: The job of the run.
        run: The run, with its architecture.
        prepared: The data of the run.
        made: Its network.
        fields: The fields and histories that it reads, see `fields_read`.
        seconds_per_row: Duration of one prediction, which limits the rows under a time budget.
        listener: Receives progress.

    """
    part = prepared.part("test")
    rows = job.config.importance.rows
    if run.has(Budget):
        affordable = IMPORTANCE * run.read(Budget).seconds / (seconds_per_row * (len(fields) + 1))
        rows = min(rows, int(affordable))
    some = sample(part, rows, job.config.seed)
    if not len(some):
        return None
    large = replace(made, batch_size=BATCHES * made.batch_size)
    with phase(listener, PHASE) as progress:
        effects = importance(large.predict_logits, some, prepared.schema, fields, job.config.seed, progress)
    return Importance(len(some), effects)


def fields_read(space: SearchSpace, architecture: Architecture, schema: Schema) -> list[str]:
    """Return the fields of data that a network reads, alone or in a feature cross, and the histories."""
    unread = space.sharing(architecture).unread()
    read = {one.partition(":")[0] for one in space.schema.history_inputs() if one not in unread}
    return [
        *(field for field in schema.fields() if field not in unread),
        *(history.name for history in schema.histories if history.name in read),
    ]
