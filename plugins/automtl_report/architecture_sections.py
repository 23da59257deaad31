"""Sections of the report of a run about its verdict, its architecture and the evidence of the search."""

from bisect import bisect_right
from collections.abc import Iterator, Mapping

from automtl_core.modules.sharing import WHOLE, group_and_word
from automtl_core.tasks.kinds import distinct
from automtl_core.views import baselines, drawing, encoding, evidence, sharing
from automtl_core.views.metrics import metrics
from automtl_core.views.values import Bar, Bars, Block, Curves, Grid, Matrix, Section, Text
from automtl_report.record import RunRecord

MMOE = "mmoe"


def verdict(record: RunRecord) -> Iterator[Section]:
    """Yield test metrics with intervals, the comparison with trivial predictions, and the cost."""
    test, least = record.result.test or {}, record.config.training.min_positives
    notes: list[Block] = []
    if (compared := record.finding.baselines) is not None:
        notes += [
            *baselines.nothing_learned(compared, bool(record.finding.search.front)),
            *baselines.suspected_leaks(compared),
        ]
    bars: dict[str, list[Bar]] = {}
    for task, m in test.items():
        if m.score is not None and m.interval is not None:
            bars.setdefault(m.type.score.title, []).append(Bar(task, m.score, *m.interval))
    charts = [
        Bars(f"Test {title}", f"{title}, 95 % interval", of_title, ".4f", from_zero=False)
        for title, of_title in bars.items()
    ]
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
        yield Section("inputs and readers", blocks)


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
    yield Section(
        "evidence",
        [*evidence.sentences(found, _measure(record)), *over_time, *evidence.decisions(found).blocks],
    )


def front(record: RunRecord) -> Iterator[Section]:
    """Yield the Pareto front of the search."""
    points = record.finding.search.front
    if len(points) > 1:
        yield evidence.front(points, record.path)
    elif points:
        yield Section("Pareto front", list(evidence.selected(points)))


def encodings(record: RunRecord) -> Iterator[Section]:
    """Yield the trials of the encoding search."""
    found = record.finding.encoding_search
    if found is not None and found.trials:
        section = encoding.trials(found, _measure(record))
        yield Section("feature encodings", section.blocks)


def _measure(record: RunRecord) -> str:
    """Return the measures of held-out rows: AUC, R2, or both."""
    return " or ".join(kind.measure for kind in distinct(task.kind for task in record.schema.tasks))


def _flops(record: RunRecord) -> Iterator[Bars]:
    """Yield the FLOPs of the network beside those of known architectures of its space."""
    if record.landmarks:
        bars = [Bar("this network", float(record.result.flops_per_row))]
        bars += [Bar(name, float(value), strong=False) for name, value in record.landmarks.items()]
        yield Bars("Cost, beside known architectures of the space", "FLOPs per row", bars, ",.0f")


def _costs(record: RunRecord) -> Iterator[str]:
    flops = record.result.flops_per_row
    mmoe = record.landmarks.get(MMOE)
    beside = f", {flops / mmoe:.2f} times the {mmoe:,} of MMoE in the same search space" if mmoe else ""
    beside += " (the model mmoe of automtl compare has other sizes)" if mmoe else ""
    yield f"{flops:,} FLOPs per row{beside}; {record.result.parameters:,} parameters"
