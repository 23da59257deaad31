"""Sections of the report of a run. `SECTIONS` is their table, to which plugins add."""

import shlex
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping

import yaml

from automtl_core.modules.sharing import WHOLE, group_and_word
from automtl_core.report.record import RunRecord
from automtl_core.training.calibration import calibration_error
from automtl_core.training.metrics import BinaryMetrics, TaskMetrics
from automtl_core.views import baselines, drawing, encoding, evidence, importance, sharing
from automtl_core.views.metrics import metrics
from automtl_core.views.values import Bar, Bars, Block, Curves, Grid, Matrix, Section, Text, facts

MMOE = "mmoe"
BARS = 20
"""Maximum number of fields of a chart, the strongest ones."""
LINES = 8
"""Maximum number of lines of a chart."""


def verdict(record: RunRecord) -> Iterator[Section]:
    """Yield test metrics with intervals, the comparison with trivial predictions, and the cost."""
    test, least = record.result.test or {}, record.config.training.min_positives
    notes: list[Block] = []
    if (compared := record.finding.baselines) is not None:
        notes += [*baselines.nothing_learned(compared), *baselines.suspected_leaks(compared)]
    bars = [bar for task, m in test.items() if (bar := _score(task, m)) is not None]
    charts = [Bars("Test AUC", "AUC, 95 % interval", bars, ".4f", from_zero=False)] if bars else []
    charts += list(_flops(record))
    rows = [
        [task, one.measure, one.score, one.field, one.field_score, "yes" if one.beats_field else "no"]
        for task, one in (compared or {}).items()
    ]
    head = ["task", "measure", "network", "best single field", "its score", "network significantly better"]
    trivial = [Grid(head, rows, "llrlrl")] if rows else []
    yield Section(
        "verdict",
        [
            *notes,
            *map(Text, _costs(record)),
            *charts,
            *metrics(test, record.result.reachable or {}, least),
            *trivial,
        ],
    )


def architecture(record: RunRecord) -> Iterator[Section]:
    """Yield the drawing of the network, the fields that it does not read, and its decisions."""
    use = record.behaviour.expert_use if record.behaviour else None
    found = record.finding
    hint = (
        "Hover over a part or a line: decisions and their evidence. Width of a line: mean weight in the gate."
    )
    blocks: list[Block] = [*drawing.networks(found, use), Text(hint)]
    closed = sharing.notes(found.sharing, found.truth, record.schema.fields(), found.search.evidence)
    choices = sorted(found.architecture.decisions.items(), key=lambda one: sharing.natural(one[0]))
    rows = [[name, one if isinstance(one, str) else ", ".join(one) or "none"] for name, one in choices]
    decided = [Grid(["choice", "decision"], rows, folded="all decisions")] if rows else []
    yield Section("architecture", [*blocks, *closed, *decided])


def readers(record: RunRecord) -> Iterator[Section]:
    """Yield matrices of fields by experts and of experts by tasks."""
    found = record.finding.sharing
    blocks = [block for one in sharing.parts_read(found) for block in one.blocks]
    if found.sees:
        names = ["wide term" if part == WHOLE else part for part in found.sees]
        rows = {name: [name in seen for seen in found.sees.values()] for name in found.fields}
        blocks.insert(0, Matrix("input", names, rows))
    if blocks:
        yield Section("who reads what", blocks)


def expert_use(record: RunRecord) -> Iterator[Section]:
    """Yield the mean weights of experts in gates, their similarity, and warnings of a collapse."""
    if record.behaviour is None or (use := record.behaviour.expert_use) is None:
        return
    blocks: list[Block] = [Text(f"On {use.rows:,} validation rows.")]
    if alike := [f"{a} and {b} ({value:.2f})" for a, b, value in use.alike()]:
        blocks.append(Text(f"warning: experts compute nearly the same: {', '.join(alike)}"))
    if idle := list(use.idle()):
        blocks.append(Text(f"warning: gates hardly use these experts: {', '.join(idle)}"))
    groups: dict[str, dict[str, Mapping[str, float]]] = {}
    for reader, weights in use.weights.items():
        group, word = group_and_word(reader)
        groups.setdefault(group, {})[word] = weights
    for group, readers in groups.items():
        experts = sorted({name for of_reader in readers.values() for name in of_reader}, key=sharing.natural)
        rows = {word: [of_reader.get(name) for name in experts] for word, of_reader in readers.items()}
        blocks += [Text(f"Mean weight of each expert in the gates of {group}:"), Matrix(group, experts, rows)]
        similar = use.similarity.get(group, {})
        if len(similar) > 1:
            entries = {one: [similar[one][other] for other in similar] for one in similar}
            blocks += [
                Text("Similarity of outputs (linear CKA; 1: the same up to rotation and scale):"),
                Matrix("expert", list(similar), entries),
            ]
    yield Section("use of experts", blocks)


def decisions(record: RunRecord) -> Iterator[Section]:
    """Yield the decisions of the search over time, with their evidence."""
    found = record.finding.search.evidence
    if not found:
        return
    made = sorted(one.epoch for one in found if one.epoch is not None)
    line = [(float(epoch.epoch), float(bisect_right(made, epoch.epoch))) for epoch in record.epochs]
    several = len(set(made)) > 1
    over_time = (
        [Curves("Decisions over time", "epoch", "decisions made", {"decisions": line})] if several else []
    )
    measure = "AUC or R2"
    yield Section(
        "evidence",
        [*evidence.sentences(found, measure), *over_time, *evidence.decisions(found).blocks],
    )


def front(record: RunRecord) -> Iterator[Section]:
    """Yield the Pareto front of the search."""
    points = record.finding.search.front
    if len(points) > 1:
        yield evidence.front(points, record.path)
    elif points:
        yield Section("Pareto front", list(evidence.selected(points)))


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
                titles[task] = m.measure.title
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
        known = {name: one for name, one in effects.items() if one.drop is not None}
        strongest = sorted(known, key=lambda name: -(known[name].drop or 0.0))[:BARS]
        bars = [
            Bar(name, one.drop or 0.0, one.low, one.high, one.verdict == "matters")
            for name in strongest
            for one in [known[name]]
        ]
        if bars:
            measure = f"drop of {known[strongest[0]].measure} if permuted"
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
    names = [history.name for history in record.schema.histories]
    blocks: list[Block] = [Text(f"Inputs from histories: {', '.join(inputs)}")]
    found = record.finding.importance
    for name in names if found else ():
        assert found is not None  # noqa: S101 - see the loop
        effects = found.effects.get(name, {})
        bars = [
            Bar(task, one.drop, one.low, one.high, one.verdict == "matters")
            for task, one in effects.items()
            if one.drop is not None
        ]
        if bars:
            measure = "drop of the score if histories are permuted among rows"
            blocks.append(Bars(f"History {name}", measure, bars))
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
        charts.append(Curves(task, "predicted probability", "observed share", lines, intervals=intervals))
        errors.append([task, calibration_error(bins), sum(one.rows for one in bins)])
    if charts:
        note = Text(
            "Test rows in groups of equal size by prediction, with 95 % intervals of the observed share."
        )
        grid = Grid(["task", "expected calibration error", "rows"], errors, "lr")
        yield Section("calibration", [note, *charts, grid])


def encodings(record: RunRecord) -> Iterator[Section]:
    """Yield the trials of the encoding search."""
    found = record.finding.encoding_search
    if found is not None and found.trials:
        section = encoding.trials(found, "AUC or R2")
        yield Section("feature encodings", section.blocks)


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
    yield Section("configuration", [*facts("", about).blocks, Text(text)])


RunSection = Callable[[RunRecord], Iterable[Section]]
SECTIONS: Mapping[str, RunSection] = {
    "verdict": verdict,
    "architecture": architecture,
    "readers": readers,
    "expert-use": expert_use,
    "evidence": decisions,
    "front": front,
    "learning": learning,
    "fields": fields,
    "histories": histories,
    "calibration": calibration,
    "encodings": encodings,
    "costs": costs,
    "data": data,
    "configuration": configuration,
}
"""Name -> function that returns the sections, in the order of the report."""


def _best_epoch(record: RunRecord) -> float:
    """Return the place of the best epoch among those of all phases; it is counted in its own training."""
    names = [epoch.phase for epoch in record.epochs]
    chosen = [point.name for point in record.finding.search.front if point.chosen and point.name in names]
    phase = chosen[0] if chosen else names[-1]
    return float(record.epochs[names.index(phase)].epoch - 1 + record.result.best_epoch)


def _score(task: str, m: TaskMetrics) -> Bar | None:
    if not isinstance(m, BinaryMetrics) or m.auc is None or m.interval is None:
        return None
    return Bar(task, m.auc, *m.interval)


def _flops(record: RunRecord) -> Iterator[Bars]:
    """Yield the FLOPs of the network beside those of known architectures of its space."""
    if record.landmarks:
        bars = [Bar("this network", float(record.result.flops_per_row))]
        bars += [Bar(name, float(value), strong=False) for name, value in record.landmarks.items()]
        yield Bars("Cost, beside known architectures of the space", "FLOPs per row", bars, ",.0f")


def _costs(record: RunRecord) -> Iterator[str]:
    flops = record.result.flops_per_row
    mmoe = record.landmarks.get(MMOE)
    beside = f", {flops / mmoe:.2f} times those of MMoE in the same search space" if mmoe else ""
    yield f"{flops:,} FLOPs per row{beside}; {record.result.parameters:,} parameters"
