"""Sections about the behaviour of a trained network: its test, its learning, its fields and its experts."""

from collections.abc import Iterator, Mapping, Sequence
from statistics import fmean

from automtl_core.modules.sharing import group_and_word
from automtl_core.run_dir.facts import Calibration, EncodingSearch, Refreshed, Result, Updated
from automtl_core.tasks.kinds import distinct
from automtl_core.training.events import REFIT, TRAIN, EpochEnded
from automtl_core.training.metrics import too_few
from automtl_core.training.significance import LEAST, SIGNIFICANCE
from automtl_inspection.baselines import Baseline
from automtl_inspection.behaviour import Behaviour, calibration_error
from automtl_inspection.importance import MARGIN, Importance
from automtl_inspection.sections import Block, Curves, Grid, Matrix, Section, Text
from automtl_inspection.shifts import Drifted, differences
from automtl_report.contest import contested
from automtl_report.metrics import cell, mean_score, metrics
from automtl_report.numbers import change, p_value, some
from automtl_report.record import RunRecord, after_refresh, after_update
from automtl_report.search import encoding, measure
from automtl_report.sharing import natural

STRONGEST = 10
"""Largest number of fields that are called the strongest."""
EFFECTS = (
    "drop: of the score if the values of the field are permuted, with its 95 % interval; p: after Holm's "
    f"correction; matters: p below {SIGNIFICANCE}; no effect: the interval is within {MARGIN} of 0, also "
    "where the network reads the same from another field; unclear: neither, as with too few rows"
)


def notes(record: RunRecord) -> list[Block]:
    """Return notes if aggregates were refreshed, or the network is trivial or suspiciously good."""
    result, refreshed = record.get(Result), record.get(Refreshed)
    found = list(after_refresh(refreshed, record.path)) if refreshed else []
    found += after_update(updated) if (updated := record.get(Updated)) else []
    if result is not None and record.baselines is not None:
        found += doubts(record.baselines)
    return list(map(Text, found))


def drift(record: RunRecord) -> Iterator[Section]:
    """Yield the columns whose values differ between training and test rows, under a split by time."""
    if not (found := record.get(Drifted)):
        return
    drifted = [shift for shift in found.shifts if shift.drifted]
    of = f"{len(drifted)} of {len(found.shifts)} columns" if drifted else "no column"
    text = Text(f"From training rows to the later test rows, {of} differ{'s' * (not drifted)} beyond chance")
    yield Section("drift", [text, *differences(drifted, 20).blocks])


def doubts(baselines: Mapping[str, Baseline]) -> Iterator[str]:
    """Yield a sentence if the network is no better than trivial predictions, and warnings if it is too good.

    Args:
        baselines: The comparisons of the tasks that have enough test rows.

    """
    better = [b for b in baselines.values() if b.beats_constant]
    if not baselines:
        yield f"Too few test rows to know whether the model has learned: no task has {LEAST} of either class"
    elif not any(b.beats_field for b in better):
        than = "a single field" if better else "a constant prediction: nothing was learned"
        yield f"On the test rows, the model is not significantly better than {than}"
    for task, b in baselines.items():
        if b.score > 0.99:
            field = f"; the best single field is `{b.field}`" if b.field else ""
            what = f"{b.measure} {b.score:.4f} of {task} suggests label leakage{field}"
            yield f"warning: {what}: is each field known before the event? See automtl data describe"


def on_test_rows(record: RunRecord) -> Iterator[Section]:
    """Yield the test metrics with notes."""
    result = record.get(Result)
    if result is None or result.test is None:
        return
    table = metrics(result.test, record.min_positives)
    yield Section("test metrics", [*table, *map(Text, refreshes(record))])


def learning(record: RunRecord) -> Iterator[Section]:
    """Yield the learning curves of each task: a line for each training, by its own epochs."""
    trainings, kept = _trainings(record), _kept(record)
    best = {"best epoch": float(record.result.best_epoch)} if kept else {}
    x, scores = "epoch of the training", dict[tuple[str, str], dict[str, list[tuple[float, float]]]]()
    for training, epochs in trainings:
        for place, epoch in enumerate(epochs, 1):
            for task, m in epoch.metrics.items():
                if m.score is not None:
                    lines = scores.setdefault((task, m.type.score.title), {})
                    lines.setdefault(training, []).append((place, m.score))
    blocks: list[Block] = [Curves(t, x, f"validation {title}", s, best) for (t, title), s in scores.items()]
    if blocks:
        yield Section("learning curves", blocks)


def _trainings(record: RunRecord) -> list[tuple[str, list[EpochEnded]]]:
    """Return the epochs of each training by name, the kept one first; the phases of a search are one."""
    trained, kept = {point.name for point in record.search.front}, _kept(record)
    trainings: dict[str, list[EpochEnded]] = {}
    for epoch in record.epochs:
        if epoch.phase != REFIT:
            alone = epoch.phase in trained or epoch.phase == TRAIN
            trainings.setdefault(epoch.phase if alone else "search", []).append(epoch)
    return sorted(trainings.items(), key=lambda one: one[0] != (kept or "search"))


def _kept(record: RunRecord) -> str | None:
    """Return the name of the training whose weights are kept; None for a mean of several."""
    names = {epoch.phase for epoch in record.epochs}
    chosen = [point.name for point in record.search.front if point.chosen] or [TRAIN]
    return next((name for name in [*chosen, TRAIN] if name in names), None)


def strongest(importance: Importance) -> list[Block]:
    """Return the effects of the strongest fields, and those without effect on any task."""
    names = [field for *_, field in that_matter(importance)][:STRONGEST]
    if not names:
        rows = f"permutation on {importance.rows:,} test rows"
        return [Text(f"No field has a significant effect on any task ({rows})")]
    first = importance.effects[names[0]]
    tasks = [f"{task} (R2)" if e.measure != "AUC" else task for task, e in first.items()]
    drops = {field: [e.drop for e in importance.effects[field].values()] for field in names}
    blocks: list[Block] = [Matrix("drop of the score if a field is permuted", tasks, drops, ".4f")]
    if without := without_effect(importance):
        how = f"95 % intervals within {MARGIN} of 0"
        blocks.append(Text(f"Fields without effect on any task ({how}): {some(without)}"))
    return blocks


def that_matter(importance: Importance) -> list[tuple[float, str, str]]:
    """Return the largest drop, its task and the name of each field that matters, the strongest first."""
    found = list[tuple[float, str, str]]()
    for field, of_field in importance.effects.items():
        matters = [(e.drop or 0.0, task) for task, e in of_field.items() if e.verdict == "matters"]
        found += [(*max(matters), field)] if matters else []
    return sorted(found, reverse=True)


def without_effect(importance: Importance) -> list[str]:
    """Return the fields that are known to have no effect on any task."""
    of_fields = importance.effects.items()
    return [field for field, of in of_fields if {e.verdict for e in of.values()} <= {"no effect"}]


def reasons(record: RunRecord) -> list[str]:
    """Return the fields that matter, the inputs that a search added, and the refit, in few lines."""
    importance, searched = record.get(Importance), record.get(EncodingSearch)
    texts = list[str]()
    if importance:
        names = some([field for *_, field in that_matter(importance)], 3) or "none"
        texts.append(f"fields that matter: {names}")
        if without := without_effect(importance):
            texts[-1] += f"; without effect: {some(without, 3)}"
    texts += [encoding(searched.encoding_search)] if searched else []
    return [*texts, *refreshes(record)]


def summary(record: RunRecord) -> Iterator[Section]:
    """Yield a table of the test score of each task, and its lead over the best simple model of a search."""
    result, contest, least = record.get(Result), contested(record), record.min_positives
    if result is None or (test := result.test) is None:
        return
    few = {task: m for task, m in test.items() if not m.is_informative(least)}
    rival = contest.rival if contest else None
    own, other = (contest.chosen.test_losses, rival.test_losses) if contest and rival else ({}, {})
    leads = {task: other[task] - loss for task, loss in own.items() if task in other}
    scores: dict[str, object] = {task: m.evidence for task, m in test.items()}
    counted = own or [task for task, m in test.items() if m.type.two_classes and task not in few]
    if len(counted) > 1:
        scores["mean"] = mean_score(test, counted)
        leads |= {"mean": fmean(leads.values())} if leads else {}
    title, over = f"test {measure(record)}{record.trained_again}", f"over {rival and rival.name}"
    over += ", before the refit" * result.refitted
    columns = {title: scores} | {over: {task: change(lead) for task, lead in leads.items()}}
    for of in distinct(m.kind for m in test.values()):
        loss = of.measures[of.measures[0].sign > 0]
        columns[loss.title] = {task: cell(m.values, loss) for task, m in test.items()}
    columns["positives"] = {t: m.positives for t, m in test.items() if m.positives is not None}
    columns["rows"] = {task: m.rows for task, m in test.items()}
    shown = {title: of for title, of in columns.items() if of}
    rows = [[t + " *" * (t in few), *(of.get(t, "") for of in shown.values())] for t in scores]
    yield Section("", [Grid(["task", *shown], rows, "lr"), *map(Text, too_few(few))])


def effects(importance: Importance) -> list[Block]:
    """Return a table of the effect of each field on each task, the strongest fields first."""
    known = importance.effects
    measures = list({e.measure for of in known.values() for e in of.values()})
    one, rows = len(measures) == 1, []
    drops = {field: max([e.drop or 0.0 for e in of.values()] or [0.0]) for field, of in known.items()}
    for field in sorted(drops, key=lambda field: -drops[field]):
        for task, e in known[field].items():
            cells = ["undefined", ""]
            if e.drop is not None:
                cells = [change(e.drop, e.low, e.high), "" if e.p is None else p_value(e.p)]
            rows.append([field, task if one else f"{task} ({e.measure})", *cells, e.verdict])
    title = f"effects of the fields that the network reads, on {importance.rows:,} test rows"
    drop = f"drop of {measures[0] if one else 'the score'}, 95 % interval"
    legend = Text(f"On {importance.rows:,} test rows; {EFFECTS}")
    return [Grid(["field", "task", drop, "p", "verdict"], rows, folded=title), legend]


def fields(record: RunRecord) -> Iterator[Section]:
    """Yield the strongest fields, and the effect of each field on each task."""
    if importance := record.get(Importance):
        yield Section("importance of fields", strongest(importance), more=effects(importance))


def calibration(record: RunRecord) -> Iterator[Section]:
    """Yield the scaling of the probabilities; on a page, also predicted against observed frequencies."""
    behaviour, charts, errors = record.get(Behaviour), list[Block](), list[Sequence[object]]()
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
        charts = [Text(note), *charts, grid]
    yield Section("calibration", list(map(Text, _scaled(record))), more=charts)


def _scaled(record: RunRecord) -> Iterator[str]:
    calibration, behaviour = record.get(Calibration), record.get(Behaviour)
    scaling = calibration.scaling if calibration else {}
    test = record.result.test or {}
    without = behaviour.log_loss_without_scaling if behaviour else {}
    for task, fit in scaling.items():
        numbers = f"sigmoid({fit.slope:.4g} * logit {fit.offset:+.4g})"
        yield f"- {task}: {numbers}, fitted to {fit.rows:,} validation rows (Platt scaling)"
        m = test[task]
        if task in without and m.loss is not None:
            losses = f"{m.loss:.4f}, without the calibration {without[task]:.4f}"
            yield f"- {task}: log loss on test rows {losses}"
    if others := [task for task, m in test.items() if m.type.probability and task not in scaling]:
        yield f"- not calibrated after the training: {', '.join(others)}; see the log loss"


def refreshes(record: RunRecord) -> Iterator[str]:
    """Yield the mean score of test rows by the time at which aggregates take in later rows, and the refit."""
    behaviour = record.get(Behaviour)
    words = {"never": "never", "1d": "each day", "1h": "each hour", "always": "before each row"}
    times = behaviour.refreshes if behaviour else {}
    known = {name: [s for s in of.values() if s is not None] for name, of in times.items()}
    if told := [f"{fmean(scores):.4f} {words[name]}" for name, scores in known.items() if scores]:
        yield f"mean test score, if aggregates are refreshed: {', '.join(told)} (features.refresh)"
    if record.refit:
        yield record.refit


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
