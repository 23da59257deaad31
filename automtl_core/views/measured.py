"""Sections about the behaviour of a trained network: its test, its learning, its fields and its experts."""

import shlex
from collections.abc import Iterator, Mapping, Sequence

from automtl_core.modules.sharing import group_and_word
from automtl_core.run_dir.facts import Behaviour, Importance, Result
from automtl_core.training.baselines import LEAST, Baseline
from automtl_core.training.calibration import calibration_error
from automtl_core.training.importance import MARGIN, FieldEffect
from automtl_core.training.significance import SIGNIFICANCE
from automtl_core.views.metrics import metrics
from automtl_core.views.sharing import natural
from automtl_core.views.values import Bar, Bars, Block, Curves, Grid, Matrix, Section, Text
from automtl_core.workflow.record import RunRecord

EFFECTS = (
    "drop: decrease of the score if the values of the field are permuted among rows, with its 95 % interval; "
    "p: after Holm's correction for all fields and tasks; "
    f"matters: p below {SIGNIFICANCE}; no effect: the interval is within {MARGIN} of 0; "
    "unclear: neither, as with too few rows. "
    "An interval below 0: the task is predicted better with the permuted field. "
    "A field has no effect also where the network reads the same information from another field"
)


def trivial(record: RunRecord) -> list[Block]:
    """Return notes if the network is no better than trivial predictions, or suspiciously good."""
    result = record.get(Result)
    if result is None or result.baselines is None:
        return []
    notes = [*nothing_learned(result.baselines, bool(record.search.front)), *_leaks(result.baselines)]
    return list(map(Text, notes))


def nothing_learned(baselines: Mapping[str, Baseline], searched: bool) -> Iterator[str]:
    """Yield a sentence if the network is no better than trivial predictions for any task.

    Args:
        baselines: The comparisons of the tasks that have enough test rows.
        searched: Whether the network is the result of a search.

    """
    meaningless = " Decisions and costs below have no meaning" if searched else ""
    better = {task: one for task, one in baselines.items() if one.beats_constant}
    if not baselines:
        yield (
            f"Too few test rows (no task has {LEAST} of either class) to know whether the network has "
            "learned anything."
        )
    elif not better:
        scores = "; ".join(
            f"{task} {one.measure} {one.score:.4f}, p {one.p_constant:.2g}" for task, one in baselines.items()
        )
        yield (
            "Nothing was learned: on the test rows, the network is not significantly better than a constant "
            f"prediction ({scores}).{meaningless and f'{meaningless}.'}"
        )
    elif not any(one.beats_field for one in better.values()):
        scores = ", ".join(
            f"{task} {one.measure} {one.score:.4f}, `{one.field}` alone {one.field_score:.4f}"
            for task, one in better.items()
        )
        yield (
            "On the test rows, the network is not significantly better than a single field "
            f"({scores}).{meaningless and f'{meaningless} beyond that.'}"
        )


def _leaks(baselines: Mapping[str, Baseline]) -> Iterator[str]:
    """Yield a warning for each task that is predicted suspiciously well."""
    for task, one in baselines.items():
        if one.score > 0.99:
            field = (
                f"; the best single field is `{one.field}`, with {one.field_score:.4f}" if one.field else ""
            )
            yield (
                f"warning: {one.measure} {one.score:.4f} of {task} suggests label leakage{field}: "
                "is each field known before the event? See automtl data describe"
            )


def tested(record: RunRecord) -> list[Block]:
    """Return the table of test metrics with its notes; nothing before the test."""
    result = record.get(Result)
    if result is None or result.test is None:
        return []
    return list(metrics(result.test, result.reachable or {}, record.min_positives))


def verdict(record: RunRecord) -> Iterator[Section]:
    """Yield test metrics with intervals, the comparison with trivial predictions, and the cost."""
    result, mmoe = record.result, record.landmarks.get("mmoe")
    cost = f"{result.flops_per_row:,} FLOPs per row"
    if mmoe:
        cost += (
            f", {result.flops_per_row / mmoe:.2f} times the {mmoe:,} of MMoE in the same search space"
            " (the model mmoe of automtl compare has other sizes)"
        )
    blocks = [*trivial(record), Text(f"{cost}; {result.parameters:,} parameters")]
    bars: dict[str, list[Bar]] = {}
    for task, m in (result.test or {}).items():
        if m.score is not None and m.interval is not None:
            bars.setdefault(m.type.score.title, []).append(Bar(task, m.score, *m.interval))
    for title, scores in bars.items():
        blocks.append(Bars(f"Test {title}", f"{title}, 95 % interval", scores, ".4f", from_zero=False))
    if record.landmarks:
        known = [Bar(name, float(flops), strong=False) for name, flops in record.landmarks.items()]
        flops = [Bar("this network", float(result.flops_per_row)), *known]
        blocks.append(Bars("Cost, beside known architectures of the space", "FLOPs per row", flops, ",.0f"))
    blocks += tested(record)
    rows = [
        [task, one.measure, one.score, one.field, one.field_score, one.beats_field]
        for task, one in (result.baselines or {}).items()
    ]
    head = ["task", "measure", "network", "best single field", "its score", "network significantly better"]
    yield Section("verdict", [*blocks, *([Grid(head, rows, "llrlrl")] if rows else [])])


def learning(record: RunRecord) -> Iterator[Section]:
    """Yield the learning curves of each task."""
    if not record.epochs:
        return
    scores: dict[str, dict[str, list[tuple[float, float]]]] = {}  # task -> phase -> points
    losses: dict[str, list[tuple[float, float]]] = {}
    titles: dict[str, str] = {}
    for epoch in record.epochs:
        place = float(epoch.epoch)
        for task, m in epoch.metrics.items():
            if m.score is not None:
                titles[task] = m.type.score.title
                scores.setdefault(task, {}).setdefault(epoch.phase, []).append((place, m.score))
        for task, loss in epoch.losses.items():
            if loss is not None:
                losses.setdefault(task, []).append((place, loss))
    best = {"best epoch": _best_epoch(record)}
    blocks: list[Block] = [Text("The dashed line is the epoch whose weights are kept.")]
    for task, lines in scores.items():
        blocks.append(Curves(task, "epoch", f"validation {titles[task]}", lines, best))
    if 0 < len(losses) <= 8:
        blocks.append(Curves("Training loss", "epoch", "loss", losses))
    yield Section("learning curves", blocks)


def _best_epoch(record: RunRecord) -> float:
    """Return the place of the best epoch among those of all phases; it is counted in its own training."""
    names = [epoch.phase for epoch in record.epochs]
    chosen = [point.name for point in record.search.front if point.chosen and point.name in names]
    phase = chosen[0] if chosen else names[-1]
    return float(record.epochs[names.index(phase)].epoch - 1 + record.result.best_epoch)


def strongest(record: RunRecord) -> list[Block]:
    """Return the strongest fields, and those without effect on any task, if there are any of either."""
    importance = record.get(Importance)
    if importance is None:
        return []
    rows = f"permutation on {importance.rows:,} test rows"
    largest = []  # of each field that matters for any task
    for field, effects in importance.effects.items():
        if drops := [
            (one.drop or 0.0, t, one.measure) for t, one in effects.items() if one.verdict == "matters"
        ]:
            largest.append((*max(drops), field))
    if not largest:
        return [Text(f"No field has a significant effect on any task ({rows})")]
    named = [f"{field} {drop:.4f} ({score} of {t})" for drop, t, score, field in sorted(largest)[::-1]]
    notes = [f"Strongest fields (drop of the score by {rows}): {', '.join(named[:5])}"]
    without = [
        field
        for field, effects in importance.effects.items()
        if all(one.verdict == "no effect" for one in effects.values())
    ]
    if without:
        how = f"{rows}, 95 % intervals within {MARGIN} of 0"
        notes.append(f"Fields without effect on any task ({how}): {', '.join(without)}")
    return list(map(Text, notes))


def effects(importance: Importance) -> Section:
    """Return a table of the effect of each field on each task, the strongest fields first."""

    def most(field: str) -> float:
        return max((one.drop or 0.0 for one in importance.effects[field].values()), default=0.0)

    rows = []
    for field in sorted(importance.effects, key=most, reverse=True):
        for place, (task, one) in enumerate(importance.effects[field].items()):
            cells = ["undefined", "", ""]
            if one.drop is not None:
                cells = [f"{one.drop:+z.4f}", f"[{one.low:+z.4f}, {one.high:+z.4f}]", f"{one.p:.2g}"]
            rows.append(["" if place else field, task, one.measure, *cells, one.verdict])
    title = f"effects of the fields that the network reads, on {importance.rows:,} test rows"
    head = ["field", "task", "score", "drop", "95 % interval", "p", "verdict"]
    return Section(title, [Grid(head, rows), Text(EFFECTS)])


def fields(record: RunRecord) -> Iterator[Section]:
    """Yield the permutation importance of fields, for each task."""
    importance = record.get(Importance)
    if importance is None:
        return
    tasks = [task.name for task in record.schema.tasks] if record.schema else []
    charts: list[Block] = []
    for task in tasks:
        of_task = {name: of[task] for name, of in importance.effects.items() if task in of}
        if bars := sorted(_bars(of_task), key=lambda bar: -bar.value)[:20]:
            charts.append(Bars(task, f"drop of {of_task[bars[0].label].measure} if permuted", bars))
    drops = {
        name: [of[task].drop if task in of else None for task in tasks]
        for name, of in importance.effects.items()
    }
    pale = "Pale: not significant after correction for all fields and tasks. Lines: 95 % intervals."
    hint = f"All effects with intervals: automtl show {shlex.quote(str(record.path))} --fields"
    matrix: list[Block] = [
        Text("Drop of the score for each field and task:"),
        Matrix("field", tasks, drops, "z.4f"),
    ]
    yield Section("importance of fields", [*strongest(record), Text(pale), *charts, *matrix, Text(hint)])


def histories(record: RunRecord) -> Iterator[Section]:
    """Yield the contribution of histories: their inputs, and their permutation importance."""
    if record.schema is None or not (inputs := record.schema.history_inputs()):
        return
    importance = record.get(Importance)
    blocks: list[Block] = [Text(f"Inputs from histories: {', '.join(inputs)}")]
    for history in record.schema.histories:
        if importance and (bars := _bars(importance.effects.get(history.name, {}))):
            measure = "drop of the score if histories are permuted among rows"
            blocks.append(Bars(f"History {history.name}", measure, bars))
    yield Section("histories", blocks)


def _bars(effects: Mapping[str, FieldEffect]) -> list[Bar]:
    """Return a bar for each defined effect."""
    return [
        Bar(label, one.drop, one.low, one.high, one.verdict == "matters")
        for label, one in effects.items()
        if one.drop is not None
    ]


def calibration(record: RunRecord) -> Iterator[Section]:
    """Yield predicted against observed frequencies."""
    behaviour = record.get(Behaviour)
    charts: list[Block] = []
    errors: list[Sequence[object]] = []
    for task, bins in behaviour.calibration.items() if behaviour else ():
        if not bins:
            continue
        highest = max(max(one.predicted, one.interval[1]) for one in bins)
        lines = {
            "observed": [(one.predicted, one.observed) for one in bins],
            "perfect": [(0.0, 0.0), (highest, highest)],
        }
        intervals = [(one.predicted, *one.interval) for one in bins]
        axes = task, "predicted probability", "observed share"
        charts.append(Curves(*axes, lines, intervals=intervals, reference="perfect"))
        errors.append([task, calibration_error(bins), sum(one.rows for one in bins)])
    if charts:
        note = "Test rows in groups of equal size by prediction, with 95 % intervals of the observed share."
        grid = Grid(["task", "expected calibration error", "rows"], errors, "lr")
        yield Section("calibration", [Text(note), *charts, grid])


def expert_use(record: RunRecord) -> Iterator[Section]:
    """Yield the mean weights of experts in gates, their similarity, and warnings of a collapse."""
    behaviour = record.get(Behaviour)
    if behaviour is None or (use := behaviour.expert_use) is None:
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
        experts = sorted({name for of_reader in readers.values() for name in of_reader}, key=natural)
        rows = {word: [of_reader.get(name) for name in experts] for word, of_reader in readers.items()}
        blocks += [Text(f"Mean weight of each expert in the gates of {group}:"), Matrix(group, experts, rows)]
        similar = use.similarity.get(group, {})
        if len(similar) > 1:
            entries = {one: [similar[one][other] for other in similar] for one in similar}
            note = "Similarity of outputs (linear CKA; 1: the same up to rotation and scale):"
            blocks += [Text(note), Matrix("expert", list(similar), entries)]
    yield Section("use of experts", blocks)
