"""The trained network of a run with its encoder: predictions for new examples.

Letters: R rows, T tasks, S scores.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from automtl_core.data.encoder import Encoder
from automtl_core.data.part import Part, drawn
from automtl_core.dataset.schema import Schema, Task, products, scores_of
from automtl_core.errors import ArtifactError, DivergedError, PluginError
from automtl_core.modules.network import Output, fault_of_outputs, outputs_of
from automtl_core.registry.registry import Registry
from automtl_core.run_dir.config import RunConfig
from automtl_core.run_dir.facts import Calibration
from automtl_core.run_dir.run import Run
from automtl_core.space import SearchSpace
from automtl_core.training.batches import take
from automtl_core.training.calibration import Platt, calibrated
from automtl_core.training.compute import Compute, computing
from automtl_core.training.loop import predict
from automtl_core.workflow.job import Job


@dataclass(frozen=True)
class Trained:
    """The network of a finished run, with its encoder."""

    network: nn.Module
    encoder: Encoder
    compute: Compute
    unread: Collection[str] = ()
    """Columns that the network does not read."""
    scaling: Mapping[str, Platt] = field(default_factory=dict)
    """Binary task -> its calibration."""

    @classmethod
    def of(cls, run: Run, registry: Registry) -> "Trained":
        """Return the network of a run, from its files alone, and without other plugins than the network's.

        Raises:
            ArtifactError: a file is missing or damaged, or there is no network yet.

        """
        config = of_finished(run)
        job, encoder = Job.resolve(config, registry, ["space"]), run.encoder(registry.field_encoders())
        space, compute = job.space(encoder), job.compute()
        network, fields = restored(space, run, compute), space.sharing(run.architecture()).unread()
        unread = unread_columns(network, encoder, fields, compute) if fields else ()
        return cls(network, encoder, compute, unread, scaling(run))

    @property
    def tasks(self) -> Sequence[Task]:
        """The predicted tasks."""
        return self.encoder.schema.tasks

    def predict_scores(self, part: Part) -> NDArray[np.float64]:
        """Return the scores of encoded rows, [R, S], see `dataset.scores`; raises as `predict_logits`."""
        return products(scores_of(self.tasks), predictions(self.tasks, self.predict_logits(part)))

    def predict_logits(self, part: Part) -> NDArray[Any]:
        """Return the calibrated output of the network for encoded rows, [R, T]; see `training.loop.predict`.

        Raises:
            DivergedError: an output is not finite.

        """
        return calibrated(self.scaling, self.tasks, self._computed(self.network, part))

    def outputs(self) -> Sequence[str]:
        """Return the names of the outputs beside the predictions, see `WithOutputs`; empty without any.

        Raises:
            PluginError: an output breaks its contract; its name becomes that of a folder of an export.

        """
        part = self.encoder.with_numbers(drawn(self.encoder.schema, 2))
        rows = take(part, np.arange(2), self.compute.device)
        with torch.no_grad():
            outputs = outputs_of(self.network.eval(), rows.features)
        if fault := fault_of_outputs(outputs, 2):
            raise PluginError(f"the network of the run: {fault}", "repair `outputs` of its class")
        return tuple(outputs)

    def output(self, name: str, part: Part) -> NDArray[Any]:
        """Return an output of the network for encoded rows, [R, ...]; raises as `predict_logits`."""
        return self._computed(Output(self.network, name), part)

    def _computed(self, network: nn.Module, part: Part) -> NDArray[Any]:
        with computing():
            outputs = predict(network, self.encoder.with_numbers(part), self.compute)
        if not np.isfinite(outputs).all():
            raise DivergedError("the model predicts values that are not finite", "look for extreme numbers")
        return outputs


def scaling(run: Run) -> Mapping[str, Platt]:
    """Return the calibration of a run by task; empty without one."""
    return (run.get(Calibration) or Calibration()).scaling


def of_finished(run: Run) -> RunConfig:
    """Return the configuration of a finished run for this machine: a GPU that is not there is not needed."""
    config = run.config()
    missing = config.device == "cuda" and not torch.cuda.is_available()
    return config.having(device="cpu") if missing else config


def restored(space: SearchSpace, run: Run, compute: Compute) -> nn.Module:
    """Return the trained network of a run, for the fields and tasks of its space.

    Raises:
        ArtifactError: a file is missing or damaged, or the space has other fields than the architecture.

    """
    architecture = run.architecture()
    if architecture.origin and Schema.from_json(architecture.origin.schema) != space.schema:
        raise ArtifactError(
            f"{run.path}: trained on other fields, tasks or vocabularies than those prepared",
            fix="use the raw files and dataset settings of the run",
        )
    network = space.network(architecture).to(compute.device)
    try:
        network.load_state_dict(run.weights())
    except RuntimeError as error:
        raise ArtifactError(
            f"{run.path}: the weights do not fit the architecture: {error}", "use the files of one run"
        ) from None
    return network


def predictions(tasks: Sequence[Task], logits: NDArray[Any]) -> NDArray[np.float64]:
    """Return predictions [R, T] of an output [R, T]: probabilities, or numbers in units of the label."""
    logits = logits.astype(np.float64)
    return np.stack([task.predictions(logits[:, t]) for t, task in enumerate(tasks)], axis=1)


def unread_columns(
    network: nn.Module, encoder: Encoder, closed: Collection[str], compute: Compute
) -> list[str]:
    """Return the columns that fields alone read which the network does not.

    Spaces derive the closed fields, see `Sharing.unread`, from the names of decisions. A network that reads
    one of them all the same, against its names, reads all columns here.

    """
    schema = encoder.schema
    shared = {name for history in schema.histories for name in history.shared}
    fields = [name for name in schema.fields() if name in closed and name not in shared]
    rows = drawn(schema, 64)
    full, blank = (
        predict(network, encoder.with_numbers(part), compute)
        for part in (rows, _without(rows, schema, fields))
    )
    if not fields or not np.array_equal(full, blank):
        return []
    read = {c for name in schema.fields() if name not in fields for c in encoder.fields[name].reads(name)}
    columns = dict.fromkeys(c for name in fields for c in encoder.fields[name].reads(name))
    return [column for column in columns if column not in read | shared]


def _without(rows: Part, schema: Schema, fields: Collection[str]) -> Part:
    """Return rows with blanks in some fields."""
    ids, dense = rows.ids.copy(), rows.dense.copy()
    ids[:, [place for place, one in enumerate(schema.sparse) if one.name in fields]] = 0  # an empty bag
    dense[:, [place for place, one in enumerate(schema.dense) if one.name in fields]] = np.nan
    return replace(rows, ids=ids, dense=dense)
