"""Sections about the behaviour of a trained network: its test, its learning, its fields and its experts."""

from collections.abc import Iterator, Mapping, Sequence

from automtl_core.modules.sharing import group_and_word
from automtl_core.run_dir.facts import Behaviour, Data, Drifted, Importance, Refreshed, Result, Updated
from automtl_core.run_dir.record import RunRecord
from automtl_core.training.calibration import calibration_error
from automtl_core.training.events import REFIT, EpochEnded
from automtl_core.training.importance import MARGIN, FieldEffect
from automtl_core.training.metrics import flat
from automtl_core.training.significance import LEAST, SIGNIFICANCE, Baseline
from automtl_core.views.drift import differences
from automtl_core.views.metrics import metrics
from automtl_core.views.values import Bar, Bars, Block, Curves, Grid, Matrix, Section, Text
from automtl_report.sharing import natural

EFFECTS = (
    "drop: decrease of the score if the values of the field are permuted among rows, with its 95 % interval; "
    "p: after Holm's correction for all fields and tasks; "
    f"matters: p below {SIGNIFICANCE}; no effect: the interval is within {MARGIN} of 0; "
    "unclear: neither, as with too few rows. "
    "An interval below 0: the task is predicted better with the permuted field. "
    "A field has no effect also where the network reads the same information from another field"
)


def notes(record: RunRecord) -> list[Block]:
    """Return notes if aggregates were refreshed, or the network is trivial or suspiciously good."""
    result, refreshed = record.get(Result), record.get(Refreshed)
    found = list(refreshed.sentences(record.path)) if refreshed else []
    found += updated.sentences() if (updated := record.get(Updated)) else []
    if result is not None and result.baselines is not None:
        found += [*nothing_learned(result.baselines, bool(record.search.front)), *_leaks(result.baselines)]
    return list(map(Text, found))


def drift(record: RunRecord) -> Iterator[Section]:
    """Yield the columns whose values differ between training and test rows, under a split by time."""
    if not (found := record.get(Drifted)):
        return
    drifted = [shift for shift in found.shifts if shift.drifted]
    of = f"{len(drifted)} of {len(found.shifts)} columns" if drifted else "no column"
    text = Text(f"From training rows to the later test rows, {of} differ{'s' * (not drifted)} beyond chance")
    yield Section("drift", [text, *differences(drifted, 20).blocks])


def nothing_learned(baselines: Mapping[str, Baseline], searched: bool) -> Iterator[str]:
    """Yield a sentence if the network is no better than trivial predictions for any task.

    Args:
        baselines: The comparisons of the tasks that have enough test rows.
        searched: Whether the network is the result of a search.

    """
    meaningless = " Decisions and costs below have no meaning" if searched else ""
    scores = {task: f"{task} {b.measure} {b.score:.4f}" for task, b in baselines.items()}
    better = {task: b for task, b in baselines.items() if b.beats_constant}
    if not baselines:
        rows = f"Too few test rows (no task has {LEAST} of either class)"
        yield f"{rows} to know whether the network has learned anything."
    elif not better:
        beaten = "; ".join(f"{scores[task]}, p {b.p_constant:.2g}" for task, b in baselines.items())
        yield (
            "Nothing was learned: on the test rows, the network is not significantly better than a constant "
            f"prediction ({beaten}).{meaningless and f'{meaningless}.'}"
        )
    elif not any(b.beats_field for b in better.values()):
        fields = (f"{scores[t]}, `{b.field}` alone {b.field_score:.4f}" for t, b in better.items())
        yield (
            "On the test rows, the network is not significantly better than a single field "
            f"({', '.join(fields)}).{meaningless and f'{meaningless} beyond that.'}"
        )


def _leaks(baselines: Mapping[str, Baseline]) -> Iterator[str]:
    """Yield a warning for each task that is predicted suspiciously well."""
    for task, b in baselines.items():
        if b.score > 0.99:
            field = f"; the best single field is `{b.field}`, with {b.field_score:.4f}" if b.field else ""
            yield (
                f"warning: {b.measure} {b.score:.4f} of {task} suggests label leakage{field}: "
                "is each field known before the event? See automtl data describe"
            )


def tested(record: RunRecord) -> list[Block]:
    """Return the table of test metrics with its notes, and that of a refit; nothing before the test."""
    result, refit = record.get(Result), record.refit
    if result is None or result.test is None:
        return []
    table = metrics(result.test, result.reachable or {}, record.min_positives)
    return [*table, *([Text(refit)] if refit else [])]


def published(record: RunRecord) -> Iterator[Section]:
    """Yield scores that others published for the same test rows, and that of the run among them."""
    data, result = record.get(Data), record.get(Result)
    if data is None or result is None or result.test is None:
        return
    others = [one for one in data.published if one.rows in (None, data.rows.get("test"))]
    if not others:
        return
    test = {task: flat(m) for task, m in result.test.items()}
    columns = [(task, name) for task, of in others[0].scores.items() for name in of]
    of_models = [(one.model, one.scores, one.source) for one in others]
    rows: list[list[object]] = [
        [model, *(scores.get(task, {}).get(name) for task, name in columns), source]
        for model, scores, source in [*of_models, ("this run", test, "")]
    ]
    rows.sort(key=lambda row: -float(str(row[-2] or 0)))
    heads = [f"{task} {name}" if len(test) > 1 else name for task, name in columns]
    yield Section("published scores of this protocol", [Grid(["model", *heads, "source"], rows, "lr")])


def verdict(record: RunRecord) -> Iterator[Section]:
    """Yield test metrics with intervals, the comparison with trivial predictions, and the cost."""
    result, mmoe = record.result, record.landmarks.get("mmoe")
    cost = f"{result.flops_per_row:,} FLOPs per row"
    if mmoe:
        cost += (
            f", {result.flops_per_row / mmoe:.2f} times the {mmoe:,} of MMoE in the same search space"
            " (the model mmoe of automtl compare has other sizes)"
        )
    costs = [Text(f"{cost}; {result.parameters:,} parameters")] if result.flops_per_row else []
    blocks = [*notes(record), *costs]
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
    baselines = (result.baselines or {}).items()
    rows = [[task, b.measure, b.score, b.field, b.field_score, b.beats_field] for task, b in baselines]
    head = ["task", "measure", "network", "best single field", "its score", "network significantly better"]
    yield Section("verdict", [*blocks, *([Grid(head, rows, "llrlrl")] if rows else [])])


def learning(record: RunRecord) -> Iterator[Section]:
    """Yield the learning curves of each task."""
    epochs = [epoch for epoch in record.epochs if epoch.phase != REFIT]
    if not epochs:
        return
    scores: dict[str, dict[str, list[tuple[float, float]]]] = {}  # task -> phase -> points
    losses: dict[str, list[tuple[float, float]]] = {}
    titles: dict[str, str] = {}
    for epoch in epochs:
        place = float(epoch.epoch)
        for task, m in epoch.metrics.items():
            if m.score is not None:
                titles[task] = m.type.score.title
                scores.setdefault(task, {}).setdefault(epoch.phase, []).append((place, m.score))
        for task, loss in epoch.losses.items():
            if loss is not None:
                losses.setdefault(task, []).append((place, loss))
    best = {"best epoch": _best_epoch(record, epochs)}
    blocks: list[Block] = [Text("The dashed line is the epoch whose weights are kept.")]
    for task, lines in scores.items():
        blocks.append(Curves(task, "epoch", f"validation {titles[task]}", lines, best))
    if 0 < len(losses) <= 8:
        blocks.append(Curves("Training loss", "epoch", "loss", losses))
    yield Section("learning curves", blocks)


def _best_epoch(record: RunRecord, epochs: Sequence[EpochEnded]) -> float:
    """Return the place of the best epoch among those of all phases; it is counted in its own training."""
    names = [epoch.phase for epoch in epochs]
    chosen = (point.name for point in record.search.front if point.chosen and point.name in names)
    phase = next(chosen, names[-1])
    return float(epochs[names.index(phase)].epoch - 1 + record.result.best_epoch)


def strongest(record: RunRecord) -> list[Block]:
    """Return the strongest fields, and those without effect on any task, if there are any of either."""
    importance = record.get(Importance)
    if importance is None:
        return []
    rows = f"permutation on {importance.rows:,} test rows"
    largest = []  # of each field that matters for any task
    for field, effects in importance.effects.items():
        if drops := [(e.drop or 0.0, t, e.measure) for t, e in effects.items() if e.verdict == "matters"]:
            largest.append((*max(drops), field))
    if not largest:
        return [Text(f"No field has a significant effect on any task ({rows})")]
    named = [f"{field} {drop:.4f} ({score} of {t})" for drop, t, score, field in sorted(largest)[::-1]]
    notes = [f"Strongest fields (drop of the score by {rows}): {', '.join(named[:5])}"]
    verdicts = {field: {e.verdict for e in of.values()} for field, of in importance.effects.items()}
    if without := [field for field, known in verdicts.items() if known <= {"no effect"}]:
        how = f"{rows}, 95 % intervals within {MARGIN} of 0"
        notes.append(f"Fields without effect on any task ({how}): {', '.join(without)}")
    return list(map(Text, notes))


def effects(importance: Importance) -> Section:
    """Return a table of the effect of each field on each task, the strongest fields first."""

    def most(field: str) -> float:
        return max((effect.drop or 0.0 for effect in importance.effects[field].values()), default=0.0)

    rows = []
    for field in sorted(importance.effects, key=most, reverse=True):
        for place, (task, e) in enumerate(importance.effects[field].items()):
            cells = ["undefined", "", ""]
            if e.drop is not None:
                cells = [f"{e.drop:+z.4f}", f"[{e.low:+z.4f}, {e.high:+z.4f}]", f"{e.p:.2g}"]
            rows.append(["" if place else field, task, e.measure, *cells, e.verdict])
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
    pale = Text("Pale: not significant after correction for all fields and tasks. Lines: 95 % intervals.")
    table = effects(importance).blocks
    yield Section("importance of fields", [*strongest(record), pale, *charts, *table])


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
    known = [(label, effect.drop, effect) for label, effect in effects.items() if effect.drop is not None]
    return [Bar(label, drop, e.low, e.high, e.verdict == "matters") for label, drop, e in known]


def calibration(record: RunRecord) -> Iterator[Section]:
    """Yield predicted against observed frequencies."""
    behaviour = record.get(Behaviour)
    charts: list[Block] = []
    errors: list[Sequence[object]] = []
    for task, bins in behaviour.calibration.items() if behaviour else ():
        if not bins:
            continue
        highest = max(max(group.predicted, group.interval[1]) for group in bins)
        observed = [(group.predicted, group.observed) for group in bins]
        lines = {"observed": observed, "perfect": [(0.0, 0.0), (highest, highest)]}
        intervals = [(group.predicted, *group.interval) for group in bins]
        axes = task, "predicted probability", "observed share"
        charts.append(Curves(*axes, lines, intervals=intervals, reference="perfect"))
        errors.append([task, calibration_error(bins), sum(group.rows for group in bins)])
    if charts:
        note = "Test rows in groups of equal size by prediction, with 95 % intervals of the observed share."
        grid = Grid(["task", "expected calibration error", "rows"], errors, "lr")
        yield Section("calibration", [Text(note), *charts, grid])


def refreshes(record: RunRecord) -> Iterator[Section]:
    """Yield the scores of test rows by the time at which aggregates take in later rows."""
    behaviour = record.get(Behaviour)
    if behaviour is None or not behaviour.refreshes:
        return
    words = {"never": "never", "1d": "each day", "1h": "each hour", "always": "before each row"}
    tasks = list(behaviour.refreshes["never"])
    rows = [[words[name], *map(scores.get, tasks)] for name, scores in behaviour.refreshes.items()]
    note = "Test scores if aggregates take in the rows since training; see features.refresh."
    yield Section("refresh", [Text(note), Grid(["aggregates are refreshed", *tasks], rows, "lr")])


def expert_use(record: RunRecord) -> Iterator[Section]:
    """Yield the mean weights of experts in gates, their similarity, and warnings of a collapse."""
    behaviour = record.get(Behaviour)
    if behaviour is None or (use := behaviour.expert_use) is None:
        return
    blocks: list[Block] = [Text(f"On {use.rows:,} test rows.")]
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
            entries = {name: [values[other] for other in similar] for name, values in similar.items()}
            note = "Similarity of outputs (linear CKA; 1: the same up to rotation and scale):"
            blocks += [Text(note), Matrix("expert", list(similar), entries)]
    yield Section("use of experts", blocks)
