"""Sections of the report of a run about its training, its test, its data and its settings."""

import shlex
from collections.abc import Iterator, Mapping

import yaml

from automtl_core.training.calibration import calibration_error
from automtl_core.training.importance import FieldEffect
from automtl_core.views import importance
from automtl_core.views.values import (
    Bar,
    Bars,
    Block,
    Curves,
    Grid,
    Matrix,
    Preformatted,
    Section,
    Text,
    facts,
)
from automtl_report.record import RunRecord

BARS = 20
"""Maximum number of fields of a chart, the strongest ones."""
LINES = 8
"""Maximum number of lines of a chart."""


def learning(record: RunRecord) -> Iterator[Section]:
    """Yield the learning curves of each task."""
    if not record.epochs:
        return
    charts: list[Block] = []
    measured: dict[str, dict[str, list[tuple[float, float]]]] = {}
    titles: dict[str, str] = {}
    for epoch in record.epochs:
        for task, m in epoch.metrics.items():
            if m.score is not None:
                titles[task] = m.type.score.title
                measured.setdefault(task, {}).setdefault(epoch.phase, []).append(
                    (float(epoch.epoch), m.score)
                )
    best = {"best epoch": _best_epoch(record)}
    for task, lines in measured.items():
        charts.append(Curves(task, "epoch", f"validation {titles[task]}", lines, best))
    losses: dict[str, list[tuple[float, float]]] = {}
    for epoch in record.epochs:
        for task, loss in epoch.losses.items():
            if loss is not None:
                losses.setdefault(task, []).append((float(epoch.epoch), loss))
    if 0 < len(losses) <= LINES:
        charts.append(Curves("Training loss", "epoch", "loss", losses))
    yield Section("learning curves", [Text("The dashed line is the epoch whose weights are kept."), *charts])


def fields(record: RunRecord) -> Iterator[Section]:
    """Yield the permutation importance of fields, for each task."""
    found = record.finding.importance
    if found is None:
        return
    charts = []
    for task in record.schema.tasks:
        effects = {name: of[task.name] for name, of in found.effects.items() if task.name in of}
        if bars := sorted(_bars(effects), key=lambda bar: -bar.value)[:BARS]:
            measure = f"drop of {effects[bars[0].label].measure} if permuted"
            charts.append(Bars(task.name, measure, bars))
    pale = Text("Pale: not significant after correction for all fields and tasks. Lines: 95 % intervals.")
    tasks = [task.name for task in record.schema.tasks]
    drops = {
        name: [of[task].drop if task in of else None for task in tasks] for name, of in found.effects.items()
    }
    yield Section(
        "importance of fields",
        [
            *importance.sentences(found),
            pale,
            *charts,
            Text("Drop of the score for each field and task:"),
            Matrix("field", tasks, drops, "z.4f"),
            Text(f"All effects with intervals: automtl show {shlex.quote(str(record.path))} --fields"),
        ],
    )


def histories(record: RunRecord) -> Iterator[Section]:
    """Yield the contribution of histories: their inputs, and their permutation importance."""
    inputs = record.schema.history_inputs()
    if not inputs:
        return
    blocks: list[Block] = [Text(f"Inputs from histories: {', '.join(inputs)}")]
    found = record.finding.importance
    for history in record.schema.histories:
        effects = found.effects.get(history.name, {}) if found else {}
        if bars := _bars(effects):
            measure = "drop of the score if histories are permuted among rows"
            blocks.append(Bars(f"History {history.name}", measure, bars))
    yield Section("histories", blocks)


def calibration(record: RunRecord) -> Iterator[Section]:
    """Yield predicted against observed frequencies."""
    if record.behaviour is None:
        return
    charts: list[Block] = []
    errors = []
    for task, bins in record.behaviour.calibration.items():
        if not bins:
            continue
        highest = max(max(one.predicted for one in bins), max(one.interval[1] for one in bins))
        lines = {
            "observed": [(one.predicted, one.observed) for one in bins],
            "perfect": [(0.0, 0.0), (highest, highest)],
        }
        intervals = [(one.predicted, *one.interval) for one in bins]
        charts.append(
            Curves(
                task,
                "predicted probability",
                "observed share",
                lines,
                intervals=intervals,
                reference="perfect",
            )
        )
        errors.append([task, calibration_error(bins), sum(one.rows for one in bins)])
    if charts:
        note = Text(
            "Test rows in groups of equal size by prediction, with 95 % intervals of the observed share."
        )
        grid = Grid(["task", "expected calibration error", "rows"], errors, "lr")
        yield Section("calibration", [note, *charts, grid])


def costs(record: RunRecord) -> Iterator[Section]:
    """Yield the size and FLOPs of the network, and the seconds of each phase."""
    seconds = {name.replace("_", " "): value for name, value in record.costs.seconds.items()}
    bars = [Bar(name, value) for name, value in seconds.items()]
    result = record.result
    values = {
        "FLOPs per row": result.flops_per_row,
        "parameters": result.parameters,
        "parameters beside embeddings": result.parameters_beside_embeddings,
        "training rows per second": record.costs.rows_per_second and round(record.costs.rows_per_second),
        "copies of the network that predict": result.copies,
    }
    yield Section("costs", [Bars("Seconds", "seconds", bars, ",.1f"), *facts("", values).blocks])


def data(record: RunRecord) -> Iterator[Section]:
    """Yield the data of the run."""
    described = record.data
    rows = {f"{part} rows": count for part, count in described.rows.items()}
    schema = record.schema
    about = {
        "dataset": described.dataset,
        "fingerprint": described.fingerprint[:16],
        "categorical fields": len(schema.sparse),
        "numeric fields": len(schema.dense),
        "histories": ", ".join(history.name for history in schema.histories) or "none",
        **rows,
    }
    sizes = [[one.name, one.kind, one.size - 1] for one in schema.sparse]
    files = [[name, f["bytes"], f["sha256"][:16]] for name, f in sorted(described.raw.items())]
    blocks: list[Block] = [*facts("", about).blocks, Grid(["field", "kind", "values"], sizes, "llr")]
    if files:
        blocks.append(Grid(["raw file", "bytes", "SHA-256"], files, "lrl"))
    yield Section("data", blocks)


def configuration(record: RunRecord) -> Iterator[Section]:
    """Yield versions, seed and settings of the run."""
    e = record.environment
    versions = {
        "automtl": e.automtl,
        "python": e.python,
        "torch": e.torch,
        "numpy": e.numpy,
        **e.plugins,
        **e.libraries,
    }
    about = {"seed": record.config.seed, "device": e.device, "threads": e.threads, **versions}
    text = yaml.safe_dump(record.config.model_dump(mode="json"), sort_keys=False).rstrip()
    yield Section("configuration", [*facts("", about).blocks, Preformatted(text)])


def _bars(effects: Mapping[str, FieldEffect]) -> list[Bar]:
    """Return a bar for each defined effect."""
    return [
        Bar(label, one.drop, one.low, one.high, one.verdict == "matters")
        for label, one in effects.items()
        if one.drop is not None
    ]


def _best_epoch(record: RunRecord) -> float:
    """Return the place of the best epoch among those of all phases; it is counted in its own training."""
    names = [epoch.phase for epoch in record.epochs]
    chosen = [point.name for point in record.finding.search.front if point.chosen and point.name in names]
    phase = chosen[0] if chosen else names[-1]
    return float(record.epochs[names.index(phase)].epoch - 1 + record.result.best_epoch)
