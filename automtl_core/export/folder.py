"""An exported run: a folder that predicts without automtl.

<folder>/
    model.onnx or model.pt2   the graph, see graph.py
    encoder/                  vocabularies, edges, scales
    encode.py                 raw values -> inputs of the graph; needs numpy only
    example.py                scores the examples in examples.json
    examples.json             a few rows
    architecture.json         the decisions by name
    README.md                 the model card, and the difference between the graph and the network
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.export import ExportedProgram

from automtl_core import seeds
from automtl_core.data.encoder import Encoder
from automtl_core.data.part import Bags, Events, Histories, Part
from automtl_core.data.store import ENCODER, Prepared
from automtl_core.dataset.history import History
from automtl_core.dataset.schema import Schema
from automtl_core.disk.files import publish_folder
from automtl_core.disk.value import Value
from automtl_core.errors import ArtifactError, AutoMTLError, UsageError
from automtl_core.export import graph
from automtl_core.fields.encode import event_columns
from automtl_core.fields.source import exported, source
from automtl_core.run_dir.facts import Data
from automtl_core.run_dir.run import Run
from automtl_core.training.compute import CPU
from automtl_core.training.learner import Learner
from automtl_core.workflow.trained import Trained, predictions

Format = Literal["onnx", "torch"]
ROWS = 10_000
"""Largest number of rows for the comparison of graph and network."""
TRACED = 32
"""Number of rows for tracing."""
SHOWN = 3
"""Number of rows in examples.json."""
CLOSE = 1e-5
"""Largest accepted difference between two predictions, in units of a label's deviation."""


@dataclass(frozen=True)
class Exported(Value):
    """The result of an export."""

    run: str
    folder: str
    format: Format
    rows: int
    """Number of rows for the comparison of graph and network."""
    real: bool
    """Whether these are test rows of the run; else they are random values of the encoder."""
    largest_difference: float
    """Largest difference of a prediction; for regressions in units of the label's deviation."""


def export(run: Run, made: Trained, form: Format, folder: Path, card: str) -> Exported:
    """Write a folder that predicts without automtl, and compare it with the network.

    Args:
        run: A finished run.
        made: The trained network of the run.
        form: Format of the graph.
        folder: Output folder, which must not exist.
        card: The model card of the run as Markdown.

    Raises:
        RunExistsError: the folder exists, or cannot be written.
        UsageError: a library of the format is not installed, or the run has no network.
        PluginError: the network cannot be exported.
        ArtifactError: the predictions of the graph differ from the network's.

    """
    if isinstance(made.network, Learner):
        raise UsageError(
            f"{run.path}: {run.config().space.name} is not a network, and has no graph to export",
            f"predict by automtl predict {run.path}, or export the run of a network",
        )
    if form == "onnx":
        graph.check_onnx()
    made = replace(made, network=made.network.cpu(), compute=CPU)  # graphs are traced and compared there
    schema = made.encoder.schema
    part, real = _rows(run, made.encoder)
    columns = _raw(made.encoder, part)
    traced = graph.program(made.network, schema, made.encoder.encode(_first(columns, TRACED), labelled=False))
    with publish_folder(folder) as draft:
        made.encoder.save(draft / ENCODER, vectors=False)
        (draft / "encode.py").write_text(source(made.encoder.fields.values()), encoding="utf-8")
        (draft / "example.py").write_text(_source(f"example_{form}.txt"), encoding="utf-8")
        shown = {name: values[:SHOWN] for name, values in columns.items()}
        (draft / "examples.json").write_text(json.dumps(shown, indent=1) + "\n", encoding="utf-8")
        (draft / "architecture.json").write_text(run.architecture().to_json(), encoding="utf-8")
        outputs = _writers()[form](traced, schema, draft)(_encoded(draft, columns))
        gap = _gap(made, columns, outputs)
        rows = f"{len(part):,} {'test rows' if real else 'random rows'}"
        parity = f"\n## Graph\n\nThe graph equals the network within {gap:.1g} on {rows}.\n"
        (draft / "README.md").write_text(card + parity, encoding="utf-8")
    return Exported(str(run.path), str(folder), form, len(part), real, gap)


Runs = Callable[[Mapping[str, Tensor]], np.ndarray]
"""Function that returns the predictions of a written graph."""


def _writers() -> Mapping[Format, Callable[[ExportedProgram, Schema, Path], Runs]]:
    return {"onnx": _onnx, "torch": _torch}


def _onnx(traced: ExportedProgram, schema: Schema, folder: Path) -> Runs:
    graph.write_onnx(traced, schema, folder / "model.onnx")
    return lambda given: graph.run_onnx(folder / "model.onnx", schema, list(given.values()))


def _torch(traced: ExportedProgram, schema: Schema, folder: Path) -> Runs:
    torch.export.save(traced, folder / "model.pt2")
    network = torch.export.load(folder / "model.pt2").module()
    return lambda given: np.asarray(network(*given.values()).detach())


def _source(name: str) -> str:
    return (resources.files(__package__) / name).read_text(encoding="utf-8")


def _encoded(folder: Path, columns: Mapping[str, Any]) -> dict[str, Tensor]:
    """Return the inputs of the graph, encoded by the exported code."""
    encoder = exported(folder / "encode.py", folder / ENCODER)
    return {name: torch.from_numpy(array) for name, array in encoder(columns).items()}


def _gap(made: Trained, columns: Mapping[str, Any], outputs: np.ndarray) -> float:
    """Return the largest difference of predictions, for regressions in units of the label's deviation.

    Raises:
        ArtifactError: it is too large.

    """
    own = predictions(made.tasks, made.predict_logits(made.encoder.encode(columns, labelled=False)))
    units = np.array([task.deviation if task.kind == "regression" else 1.0 for task in made.tasks])
    gap = float(np.abs((outputs - own) / units).max())
    if not gap <= CLOSE:
        raise ArtifactError(
            f"the exported graph differs from the network by {gap:.2g}",
            "try the other --format, and report the difference",
        )
    return gap


def _first(columns: Mapping[str, Any], count: int) -> dict[str, Any]:
    """Return the first rows, repeated if there are fewer."""
    return {name: (list(values) * count)[:count] for name, values in columns.items()}


def _rows(run: Run, encoder: Encoder) -> tuple[Part, bool]:
    """Return test rows of a run, or random rows without its prepared data; and whether they are test rows."""
    data, config = run.read(Data), run.config()
    folder = config.prepared_dir / f"{data.dataset}-{data.fingerprint[:12]}"
    try:
        part = Prepared.open(folder).part("test") if folder.is_dir() else None
    except AutoMTLError:
        part = None
    if part is None or not len(part):
        return _drawn(encoder.schema), False
    return part.some(slice(ROWS)), True


def _raw(encoder: Encoder, part: Part) -> dict[str, list[Any]]:
    """Return columns of raw values that encode to these rows; arbitrary values for hashed ids."""
    schema = encoder.schema
    found: dict[str, Any] = {f.name: part.ids[:, k].tolist() for k, f in enumerate(schema.sparse)}
    found |= {field.name: part.dense[:, k] for k, field in enumerate(schema.dense)}
    known = encoder.decode(part)
    columns = {field.name: known[field.name] for field in schema.sparse if field.kind == "bag"}
    for name in sorted(found.keys() - columns, key=lambda name: len(encoder.fields[name].reads(name))):
        for column, values in encoder.fields[name].examples(name, found[name]).items():
            # Of two fields that read a column, one may not know a value of the other.
            held = columns.get(column, values)
            columns[column] = [b if a is None else a for a, b in zip(held, values, strict=True)]
    for history in schema.histories:
        columns |= {name: known[name] for name in event_columns(history.to_json())}
    return {column: columns[column] for column in encoder.columns}


def _drawn(schema: Schema) -> Part:
    """Return random rows with ids of the encoder, and with missing numbers."""
    random = seeds.generator(0, "export")
    ids = np.zeros((ROWS, len(schema.sparse)), np.int32)
    for place, field in enumerate(schema.sparse):
        ids[:, place] = random.integers(0, field.size, ROWS)
    bags = {}
    for place, field in enumerate(schema.sparse):
        if field.kind == "bag":
            lengths = random.integers(0, min(field.size, 4), ROWS)
            held = [random.choice(np.arange(1, field.size), n, replace=False) for n in lengths]
            bags[place] = Bags(np.cumsum([0, 0, *lengths]), np.concatenate(held).astype(np.int32))
            ids[:, place] = np.arange(1, ROWS + 1)
    dense = random.standard_normal((ROWS, len(schema.dense))).astype(np.float32)
    dense[random.random(dense.shape) < 0.05] = np.nan
    labels = np.full((ROWS, len(schema.tasks)), np.nan, np.float32)
    histories = tuple(_drawn_history(schema, history, ids, random) for history in schema.histories)
    return Part(ids, dense, labels, bags, histories=histories)


def _drawn_history(
    schema: Schema, history: History, ids: NDArray[np.int32], random: np.random.Generator
) -> Histories:
    """Return random events of rows with these ids; some rows have none."""
    ends = random.integers(0, min(history.length, 8) + 1, len(ids)).cumsum()
    spans, places = np.stack([np.append(0, ends[:-1]), ends], axis=1), schema.shared_fields(history)
    sizes = [schema.sparse[place].size for place in places]
    values = [random.integers(0, size, ends[-1]) for size in sizes]
    events = Events(
        np.array(values, np.int32).reshape(len(values), -1).T,
        random.integers(0, 2, (ends[-1], len(history.outcomes)), np.uint8),
        -random.integers(1, 1_000_000, ends[-1]).astype(np.float64),
    )
    return Histories(events, spans, np.zeros(len(ids)), ids[:, places])
