"""An exported run: a folder that predicts without automtl.

<folder>/
    model.onnx or another     the graph, see `automtl_export.exporter` and the format
    outputs/NAME/             the graph of each further output of the network, see `WithOutputs`
    encoder/                  vocabularies, edges, scales
    encode.py                 raw values -> inputs of the graph; needs numpy only
    example.py                scores the examples in examples.json
    examples.json             a few rows
    scores.json               the columns of the predictions, with their meanings
    LICENSE                   terms of the code in the folder: without conditions
    architecture.json         the decisions by name
    README.md                 the model card, and the difference between the graph and the network
"""

import json
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path
from string import Template
from typing import Any

import numpy as np

from automtl_core.data.encoder import Encoder
from automtl_core.data.part import Part, drawn
from automtl_core.data.store import ENCODER, Prepared
from automtl_core.dataset.schema import scores_of
from automtl_core.errors import ArtifactError, AutoMTLError
from automtl_core.fields.encode import event_columns
from automtl_core.modules.network import Output
from automtl_core.registry.kinds import EXPORTERS
from automtl_core.registry.registry import Registry
from automtl_core.run_dir.facts import Data, NewRows
from automtl_core.run_dir.run import Run
from automtl_core.system.documents import Value
from automtl_core.system.files import check_free_folder, publish_folder
from automtl_core.training.compute import CPU
from automtl_core.workflow.trained import Trained
from automtl_export.encoder import exported, source
from automtl_export.exporter import Graph, graph, quiet

ROWS = 10_000
"""Largest number of rows for the comparison of graph and network."""
TERMS = """
## Terms

The code in this folder (`encode.py`, `example.py`) comes from automtl. Whoever has the folder may use,
change and pass on this code without conditions, see `LICENSE`; the GPL of automtl does not cover it. The
terms of the graph, the vocabularies and the data are those of their owner.
"""
CLOSE = 1e-5
"""Largest accepted difference of predictions, in deviations of labels or, if more, distances to the mean."""


@dataclass(frozen=True)
class Exported(Value):
    """The result of an export."""

    run: str
    folder: str
    format: str
    """Name of the exporter."""
    rows: int
    """Number of rows for the comparison of graph and network."""
    real: bool
    """Whether these are test rows of the run; else they are random values of the encoder."""
    largest_difference: float
    """Largest difference of a prediction, in the units of `CLOSE`."""


def export(run: Run, made: Trained, form: str, folder: Path, card: str, registry: Registry) -> Exported:
    """Write a folder that predicts without automtl, and compare it with the network.

    Args:
        run: A finished run.
        made: The trained network of the run.
        form: Name of an exporter.
        folder: Output folder, which must not exist.
        card: The model card of the run as Markdown.
        registry: The installed plugins, of which one supplies the exporter.

    Raises:
        UnknownNameError: no plugin supplies it.
        RunExistsError: the folder exists, or cannot be written.
        UsageError: a library of the format is not installed, or the model has no graph.
        PluginError: the network cannot be exported, or the exporter cannot be used.
        ArtifactError: the predictions of the graph differ from the network's.

    """
    exporter = registry.get(EXPORTERS, form)
    exporter.check()
    check_free_folder(folder)
    made = replace(made, network=made.network.cpu(), compute=CPU)  # graphs are traced and compared there
    schema = made.encoder.schema
    part, real = _rows(run, made.encoder)
    columns = _raw(made.encoder, part)
    first = {name: (list(values) * 32)[:32] for name, values in columns.items()}  # for tracing
    some = made.encoder.encode(first, labelled=False)
    traced = graph(made.network, schema, some, made.scaling)
    with publish_folder(folder) as draft:
        # The columns that `predict` reads as any text; None if they are not recorded.
        texts = run.read(NewRows).recorded.texts if run.has(NewRows) else None
        made.encoder.save(draft / ENCODER, vectors=False, unread=made.unread, as_texts=texts)
        code = source(made.encoder.fields.values())
        licensed = "# SPDX-License-Identifier: 0BSD\n"
        (draft / "encode.py").write_text(licensed + code, encoding="utf-8")
        example = Template(_source("example.txt"))
        text = example.substitute(libraries=exporter.libraries, load=exporter.source())
        (draft / "example.py").write_text(licensed + text, encoding="utf-8")
        (draft / "LICENSE").write_text(_source("licence.txt"), encoding="utf-8")
        scores = [{"name": score.name, "meaning": score.meaning} for score in scores_of(schema.tasks)]
        (draft / "scores.json").write_text(json.dumps(scores, indent=1) + "\n", encoding="utf-8")
        shown = {name: values[:3] for name, values in columns.items() if name not in made.unread}
        (draft / "examples.json").write_text(json.dumps(shown, indent=1) + "\n", encoding="utf-8")
        (draft / "architecture.json").write_text(run.architecture().to_json(), encoding="utf-8")
        encoder = exported(draft / "encode.py", draft / ENCODER)  # the exported code
        rows_in, encoded = encoder(columns), made.encoder.encode(columns, labelled=False)

        def written(traced: Graph, place: Path, own: np.ndarray) -> np.ndarray:
            """Write a graph, and return its predictions, which have the shape of those of the network."""
            with quiet():
                exporter.write(traced, place)
                outputs = np.asarray(exporter.load(place)(rows_in))
            if outputs.shape != own.shape:
                shapes = f"{list(outputs.shape)}, expected {list(own.shape)}"
                raise registry.broken(EXPORTERS, form, f"the written graph returns {shapes}")
            return outputs

        own = made.predict_scores(encoded)
        told = [made.tasks[score.tasks[-1]] for score in scores_of(made.tasks)]
        sizes = np.abs(own - [task.mean for task in told])  # single precision rounds in proportion to these
        units = np.maximum(sizes, [task.deviation for task in told])
        gap = float(np.abs((written(traced, draft, own) - own) / units).max())
        _check_close(gap, "graph")
        names = made.outputs()
        for name in names:
            (place := draft / "outputs" / name).mkdir(parents=True)
            own = made.output(name, encoded)
            outputs = written(graph(Output(made.network, name), schema, some, None), place, own)
            _check_close(float(np.abs(outputs - own).max() / max(np.abs(own).max(), 1.0)), f"output {name!r}")
        rows = f"{len(part):,} {'test rows' if real else 'random rows'}"
        parity = f"\n## Graph\n\nThe graph equals the network within {gap:.1g} on {rows}.\n"
        for name in names:
            parity += f"`outputs/{name}/` has the graph of the output `{name}`.\n"
        (draft / "README.md").write_text(card + parity + TERMS, encoding="utf-8")
    return Exported(str(run.path), str(folder), form, len(part), real, gap)


def _source(name: str) -> str:
    return (resources.files(__package__) / name).read_text(encoding="utf-8")


def _check_close(gap: float, what: str) -> None:
    if not gap <= CLOSE:
        raise ArtifactError(
            f"the exported {what} differs from the network by {gap:.2g}",
            "try another --format, and report the difference",
        )


def _rows(run: Run, encoder: Encoder) -> tuple[Part, bool]:
    """Return test rows of a run, or random rows without its prepared data; and whether they are test rows."""
    data, config = run.read(Data), run.config()
    folder = config.prepared_dir / f"{data.dataset}-{data.fingerprint[:12]}"
    try:
        part = run.served(Prepared.open(folder)).part("test") if folder.is_dir() else None
    except AutoMTLError:
        part = None
    if part is None or not len(part):
        return drawn(encoder.schema, ROWS), False
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
