"""Updates: the network of a run goes on with later rows, see `automtl update`."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from automtl_core.data.part import Bags, Part, ranges
from automtl_core.data.store import Prepared
from automtl_core.dataset.schema import Schema
from automtl_core.errors import ArtifactError, UsageError
from automtl_core.modules.embedding import FieldEmbedding
from automtl_core.run_dir.config import RunConfig, UpdateSettings
from automtl_core.run_dir.facts import Gain, Refreshed, Result, Updated
from automtl_core.run_dir.run import Run
from automtl_core.system.state import State
from automtl_core.training.learner import Learner
from automtl_core.training.significance import error_of_mean, half_interval, losses_by_row
from automtl_core.workflow.job import Job, recent_rows
from automtl_core.workflow.trained import Trained
from automtl_core.workflow.work import Work


def update_of(run: Run, path: Path, update: UpdateSettings, from_scratch: bool) -> RunConfig:
    """Return the configuration of the update of a run.

    Args:
        run: The run, which is trained and tested.
        path: Its path.
        update: The later rows, and how many older ones are drawn.
        from_scratch: Whether the architecture is trained from new weights, on all rows.

    Raises:
        UsageError: the run is the result of a refresh.

    """
    if (refreshed := run.get(Refreshed)) is not None:
        raise UsageError(
            f"{path}: its aggregates have seen rows that its network has not",
            f"update {refreshed.parent}, with these rows too",
        )
    config = run.config()
    given = {
        "strategy": None,
        "decisions": dict(run.architecture().decisions),
        "warm_start": path.absolute(),
        "update": update,
        "retrain": "scratch" if from_scratch else "inherit",
        "refit": False,
        "time_budget": None,
    }
    return config.having(**given)


def facts_of(job: Job, prepared: Prepared) -> Iterator[Updated]:
    """Yield what is known of an update before its training; nothing for another run."""
    if job.config.update is None:
        return
    run, from_scratch, rows = job.parent(), job.retrain() == "scratch", prepared.manifest["rows"]["train"]
    older = run.encoder(job.registry.field_encoders()).fields
    grown = {
        name: one.size - older[name].size
        for name, one in prepared.encoder.fields.items()
        if one.gives != "numbers" and name in older
    }
    fresh, recent = prepared.manifest["fresh"], recent_rows(job, prepared)
    count = fresh if recent is None else len(recent) - (rows - fresh)
    weights = run.read(Result).files["weights.safetensors"]
    yield Updated(str(job.config.warm_start), weights, rows - fresh, count, from_scratch, grown)


def check_parent(work: Work) -> None:
    """Check that the run before an update is that of its begin.

    Raises:
        ArtifactError: it has other weights now.

    """
    updated = work.run.get(Updated)
    if updated is None or not work.job.goes_on:
        return
    if work.job.parent().read(Result).files["weights.safetensors"] != updated.weights:
        what = f"{updated.parent}: has other weights than when the update of {work.run.path} began"
        raise ArtifactError(what, "restore it from a copy, or begin another update")


def inherited(job: Job, network: nn.Module) -> State:
    """Give a network the weights of the run before, for an update that goes on, and return its moments.

    Raises:
        ArtifactError: the run before is damaged.
        UsageError: weights have another shape than before.

    """
    if not job.goes_on:
        return {}
    run = job.parent()
    before = Trained.of(run, job.registry).network.cpu()
    inherit(before, network)
    return _grown(run.moments(), before, network)


def unread_rows(part: Part, schema: Schema, network: nn.Module) -> Callable[[nn.Module], None]:
    """Return a function that gives a trained network the embeddings before of values that its rows lack.

    The decay of embeddings and the momentum of the optimiser would change all of them: the network would
    forget users that are away.

    Args:
        part: The rows.
        schema: Their schema.
        network: The network before its training.

    """
    tables = {name: one.table.weight.detach().clone() for name, one in _tables(network).items()}

    def keep(trained: nn.Module) -> None:
        read = _ids(part, schema)
        with torch.no_grad():
            for name, table in _tables(trained).items():
                kept = torch.ones(len(tables[name]), dtype=torch.bool)
                for start, last, ids in zip(
                    table.offsets.tolist(), table.largest.tolist(), read, strict=True
                ):
                    kept[start + torch.from_numpy(ids[ids <= last])] = False
                kept = kept.to(tables[name].device)
                table.table.weight[kept] = tables[name][kept]

    return keep


def _ids(part: Part, schema: Schema) -> list[NDArray[np.int64]]:
    """Return the ids that rows and their events have in each sparse field, and that of unseen values."""
    found: list[list[NDArray[Any]]] = [[np.zeros(1, np.int64)] for _ in schema.sparse]
    for place, of_field in enumerate(found):
        column = part.ids[:, place]
        of_field.append(part.bags[place].held(column)[0] if place in part.bags else column)
    for history, of_rows in zip(schema.histories, part.histories, strict=False):
        spans = of_rows.spans
        events = of_rows.events.ids[ranges(spans[:, 0], spans[:, 1] - spans[:, 0])]
        for place, column in zip(schema.shared_fields(history), events.T, strict=True):
            found[place].append(column)
    return [np.unique(np.concatenate(ids)).astype(np.int64) for ids in found]


def _grown(moments: State, before: nn.Module, network: nn.Module) -> State:
    """Return the moments of the optimiser of a network for one whose vocabularies have grown."""
    rows, found = _rows(before, network), dict(moments)
    for name in rows.keys() & moments.keys():
        found[name] = {key: v[rows[name]] if v.dim() else v for key, v in moments[name].items()}
    return found


def gains(job: Job, part: Part, now: NDArray[Any]) -> dict[str, Gain]:
    """Return the scores of an updated network, and of that before, for each task with enough rows.

    Args:
        job: The job of the update.
        part: Rows that neither network was trained on, R, without the numbers of aggregates.
        now: Output of the updated network, [R, T].

    """
    made, found = Trained.of(job.parent(), job.registry), dict[str, Gain]()
    tasks, before = made.tasks, made.predict_logits(_as_known(part, made.encoder.schema))
    for t, task in enumerate(tasks):
        losses = losses_by_row(task, part.labels[:, t], [before[:, t], now[:, t]], part.groups)
        if losses is not None:
            by_row, scores = losses[0] - losses[1], [1 - float(one.mean()) for one in losses]
            error = error_of_mean(by_row, part.units, part.labels[:, t])
            gain, half = float(by_row.mean()), half_interval(error, len(tasks))
            found[task.name] = Gain(task.type.measure, scores[0], scores[1], gain - half, gain + half)
    return found


def _as_known(part: Part, schema: Schema) -> Part:
    """Return rows as vocabularies of a schema know them, which lack values that got ids later."""
    ids, bags = part.ids.copy(), dict(part.bags)
    for place, one in enumerate(schema.sparse):
        if place in bags:
            starts, values = bags[place]
            known = np.concatenate([[0], np.cumsum(values < one.size)])
            bags[place] = Bags(known[starts], values[values < one.size])
        else:
            ids[:, place][ids[:, place] >= one.size] = 0
    return replace(part, ids=ids, bags=bags)


def inherit(before: nn.Module, network: nn.Module) -> None:
    """Copy the weights of a network to one whose vocabularies have grown.

    A new value begins with the embedding of unseen values, so that the copy alone changes no prediction.

    Args:
        before: The trained network.
        network: A network of the same architecture, whose fields have the same values with the same ids, and
            perhaps more. Models that are no networks stay untrained.

    Raises:
        UsageError: a weight has another shape, and is no table of embeddings.

    """
    rows = _rows(before, network)
    learners = (name for name, one in network.named_modules() if isinstance(one, Learner))
    apart = tuple(f"{name}." if name else "" for name in learners)
    weights = before.state_dict()
    with torch.no_grad():
        for name, tensor in network.state_dict(keep_vars=True).items():
            if name.startswith(apart):
                continue
            if name in rows:
                tensor.copy_(weights[name][rows[name]])
            elif name in weights and weights[name].shape == tensor.shape:
                tensor.copy_(weights[name])
            else:
                raise UsageError(f"the network cannot go on: {name} has another shape", "use --retrain")


def _tables(network: nn.Module) -> dict[str, FieldEmbedding]:
    """Return the embeddings of a network by the names of the weights of their tables."""
    modules = network.named_modules()
    return {f"{name}.table.weight": one for name, one in modules if isinstance(one, FieldEmbedding)}


def _rows(before: nn.Module, network: nn.Module) -> dict[str, torch.Tensor]:
    """Return the row before of each row of the tables of a network, that of unseen values for new ones."""
    older, found = _tables(before), dict[str, torch.Tensor]()
    for name, table in _tables(network).items():
        rows = []
        for start, old, new in zip(older[name].offsets, older[name].largest, table.largest, strict=True):
            ids = torch.arange(int(new) + 1)
            rows.append(torch.where(ids <= old, ids, 0) + start)
        found[name] = torch.cat(rows)
    return found
