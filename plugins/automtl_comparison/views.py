"""Views of a comparison: tables for a terminal, sections of its report, and the files that it writes."""

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from itertools import chain
from pathlib import Path

from automtl_comparison.document import ALONE, COSTS, MEAN, Comparison, Failed, Place
from automtl_comparison.on_rows import OnRows, deciding
from automtl_comparison.statistics import Summary, trend
from automtl_core.errors import ArtifactError, listing
from automtl_core.system.documents import read_json
from automtl_core.system.files import write_atomic
from automtl_core.tasks.kinds import distinct
from automtl_core.training.metrics import TaskMetrics, flat, too_few
from automtl_core.training.significance import Difference
from automtl_core.views.numbers import change, elapsed, interval, of_changes, p_value, percent
from automtl_core.views.values import Bar, Bars, Block, Grid, Plot, Section, Text, lines, table
from automtl_report.metrics import by_user
from automtl_report.plain import markdown

DECISIONS = 20
"""Largest number of decisions that are listed."""


def comparison(result: Comparison) -> Iterator[Section]:
    """Yield the outcome of a comparison, its further tables, and the data."""
    yield from outcome(result)
    yield from _scores(result)
    yield from _details(result)


def outcome(result: Comparison) -> Iterator[Section]:
    """Yield the verdicts, a table with a row for each model, and the differences by task."""
    if len(result.models) > 1:
        note = "ahead, behind: p is below .05 for all models together; cost: FLOPs per row"
        rows, title = result.verdicts().items(), f"verdict against {result.reference}"
        notes = [*filter(None, [result.advice()]), note]
        yield table(["model", "verdict"], rows, "l", title, notes)
    yield Section("models", [_models(result), *map(Text, _notes(result))])
    for against in dict.fromkeys([result.reference, ALONE]):
        yield from _differences(result, against)
    yield from _by_split(result)


def _details(result: Comparison) -> Iterator[Section]:
    yield from _held(result)
    yield _costs(result)
    if result.trials > 1:
        yield _recipes(result)
    yield Section("data", list(map(Text, _data(result))))


def standing(result: OnRows) -> Iterator[Section]:
    """Yield scores of models on new rows, their differences to the champion, and the verdicts."""
    champion, *challengers = result.entrants
    yield lines(f"{result.rows:,} rows{f' of {result.units:,} users' if result.units else ''}", *result.notes)
    few = {name: m for name, m in champion.test.items() if not m.is_informative(result.min_positives)}
    forms = {name: m.type.score.form for name, m in champion.test.items()}
    if champion.mean is not None:
        forms[MEAN] = next(m.type.score.form for m in champion.test.values() if m.type.two_classes)
    columns = [f"{name} *" if name in few else name for name in forms]
    scores = list[list[object]]()
    for one in result.entrants:
        values = {**{name: m.score for name, m in one.test.items()}, MEAN: one.mean}
        known = (None if values[name] is None else f"{values[name]:{form}}" for name, form in forms.items())
        scores.append([one.name, *known])
    measures = listing(kind.score.title for kind in distinct(m.kind for m in champion.test.values()))
    yield table(["model", *columns], scores, "lr", measures, list(too_few(few)))
    cells = [
        [
            one.name,
            *((gain := one.gains.get(name)) and interval(gain, form) for name, form in forms.items()),
            one.verdict,
        ]
        for one in challengers
    ]
    decide = deciding(champion.test, result.min_positives)
    counts = (len(challengers), "challengers"), (len(decide), "scores")
    several = " and ".join(f"{count} {what}" for count, what in counts if count > 1)
    drawn = ("users" if result.units else "rows") + (several and f", for {several} together")
    note = f"95 % confidence interval of paired differences over {drawn}; ahead or behind: "
    note += f"the whole interval of {' or '.join(decide) or 'a score'} is beyond {result.margin:g}"
    note += ", for numbers times their standard deviation" * bool({*decide} - {MEAN})
    yield table(["model", *columns, "verdict"], cells, "lr", f"against {champion.name}", [note])


def page(result: Comparison) -> str:
    """Return the text of `compare.md`."""
    return markdown(f"Comparison on {result.dataset}", comparison(result))


def comma_separated(result: Comparison) -> str:
    """Return the text of `compare.csv`: one row for each model, cell and task; missing metrics are blank.

    A cell without results has one row, with its error.
    """
    measured = [*dict.fromkeys(metric.key for metric in result.metrics()), "positives", "rows"]
    columns = ["model", "split", "seed", "task", *measured, "run", *COSTS, "error"]
    out = io.StringIO()
    writer = csv.DictWriter(out, columns, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    for name, model in result.models.items():
        for cell in model.cells:
            about = {"model": name, **vars(cell)}
            tests = [] if isinstance(cell, Failed) else cell.test.items()
            rows = [{"task": task, **flat(m)} for task, m in tests] or [{}]
            writer.writerows({**about, **row} for row in rows)
    return out.getvalue()


FILES: Mapping[str, Callable[[Comparison], str]] = {
    "compare.json": lambda result: json.dumps(result.to_json(), indent=2) + "\n",
    "compare.csv": comma_separated,
    "compare.md": page,
}
"""File name -> function that returns its text."""


def write(result: Comparison, folder: Path) -> None:
    """Write the files of a comparison."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in FILES.items():
        write_atomic(folder / name, text(result).encode())


def read(folder: Path) -> Comparison | None:
    """Return the outcome of a comparison from its folder; None where there is none.

    Raises:
        ArtifactError: the file is damaged.

    """
    file, again = folder / "compare.json", "run the comparison again"
    if not file.exists():
        return None
    try:
        return Comparison.from_json(read_json(file, again), file)
    except ArtifactError as error:
        raise ArtifactError(str(error), again) from None


def page_of(result: Comparison) -> tuple[str, str, Iterator[Section]]:
    """Return title, subtitle and sections of the report of a comparison."""
    return f"Comparison on {result.dataset}", ", ".join(result.models), report(result)


def report(result: Comparison) -> Iterator[Section]:
    """Yield the sections: verdict, differences, and all other tables."""
    advice, verdicts = result.advice(), list(result.verdicts().items())
    several = [Grid(["model", "verdict"], verdicts)] if len(result.kinds) > 1 and verdicts else []
    blocks = [*([Text(advice)] if advice else []), _models(result), *_cost(result), *several]
    method_of = [Text(method(result))] if verdicts else []
    yield Section("verdict", [*blocks, *method_of, *map(Text, _notes(result))])
    over = "" if _repeated(result) else " over test rows, not over trainings"
    for against in dict.fromkeys([result.reference, ALONE]):
        if charts := list(_gains(result, against)):
            title = f"differences to {against}"
            note = "Negative transfer: tasks left of 0." if against == ALONE else "Right of 0: better."
            lines = f"Lines: 95 % intervals{over}. Pale: not significant."
            yield Section(title, [Text(f"{note} {lines}"), *charts])
    scores = [block for section in _scores(result) for block in (Text(f"{section.title}:"), *section.blocks)]
    found = chain(*(_differences(result, against) for against in dict.fromkeys([result.reference, ALONE])))
    tables = [replace(one, blocks=one.blocks[:1]) for one in found]  # the verdict has their note
    for section in (*tables, *_by_split(result), Section("scores", scores), *_details(result)):
        yield replace(section, folded=True)


def _models(result: Comparison) -> Grid:
    """Return a table with a row for each model; the score is the mean over tasks, or of the first."""
    kind, reference = result.kinds[0], result.reference
    score, against = kind.score, result.differences(reference)
    of_models = {name: result.summaries(name, score) for name in result.models}
    has_mean = any(MEAN in scores for scores in of_models.values())
    column = MEAN if has_mean else next(iter([*result.judged(kind), *result.of_kind(kind)]))
    rows: list[list[object]] = []
    for name, model in result.models.items():
        value, gain, costs = (
            of_models[name].get(column),
            against.get(name, {}).get(column),
            model.mean_costs(),
        )
        gains = _difference(gain, score.form) if gain else ("-", "", "")
        sizes = [(one := costs[key]) and (round(one.mean) or None) for key in ("flops_per_row", "parameters")]
        relative = result.relative(name)["flops_per_row"]
        seconds = sum(one.mean for key in ("search_seconds", "train_seconds") if (one := costs[key]))
        times = relative and percent(relative), elapsed(seconds)
        rows.append([name, value and spread(value, score.form), *gains, *sizes, *times])
    title = f"{column} test {score.title}" if has_mean else f"test {score.title} of {column}"
    head = ["model", title, f"against {reference}", "p", "", "FLOPs per row", "parameters"]
    return Grid([*head, f"FLOPs / {reference}", "time"], rows, "lrrrlrrrr")


def _difference(value: Difference, form: str) -> tuple[str, str, str]:
    """Return a difference with its interval, its p value, and the standing of the model."""
    p = "" if value.adjusted_p is None else p_value(value.adjusted_p)
    return interval(value, form), p, value.standing() or ""


def _gains(result: Comparison, against: str) -> Iterator[Bars]:
    """Yield a chart for the mean and for each task."""
    differences = result.differences(against) if against in result.models else {}
    scores = {task: kind.score for kind in result.kinds for task in result.of_kind(kind)}
    for task, score in {MEAN: result.kinds[0].score, **scores}.items():
        gains = {name: of_model[task] for name, of_model in differences.items() if task in of_model}
        bars = [
            Bar(name, gain.mean, gain.low, gain.high, gain.standing() in ("ahead", "behind"))
            for name, gain in gains.items()
        ]
        if bars:
            form = of_changes((gain.mean for gain in gains.values()), score.form)
            yield Bars(task, f"gain over {against}", bars, form)


def _cost(result: Comparison) -> list[Block]:
    """Return a plot of the mean score against FLOPs, where at least two models have both."""
    score = result.kinds[0].score
    points = {}
    for name, model in result.models.items():
        flops, mean = model.mean_costs()["flops_per_row"], result.summaries(name, score).get(MEAN)
        if flops is not None and flops.mean > 0 and mean is not None:
            points[name] = (flops.mean, mean.mean)
    return [Plot("FLOPs per row", f"mean test {score.title}", points)] if len(points) > 1 else []


def _data(result: Comparison) -> Iterator[str]:
    for seed, split in result.splits.items():
        rows = ", ".join(f"{part} {count:,}" for part, count in split.rows.items())
        which = f"Split {seed}, rows" if len(result.splits) > 1 else "Rows"
        yield f"{which}: {rows}. Fingerprint of the data: {split.fingerprint[:12]}."


def _scores(result: Comparison) -> Iterator[Section]:
    for kind in result.kinds:
        columns = [*result.of_kind(kind), *([MEAN] if kind.two_classes else [])]
        header = ["model", *(_starred(result, name) for name in columns)]
        for metric in result.of_tasks(kind):
            rows = []
            for name in result.models:
                values = result.summaries(name, metric)
                known = (values.get(column) for column in columns)
                rows.append([name, *(value and spread(value, metric.form) for value in known)])
            yield table(header, rows, "lr", f"test {metric.title}{_deviation(result)}")


def _differences(result: Comparison, against: str) -> Iterator[Section]:
    """Yield the differences to a model, by task; nothing if it is not among the models."""
    differences, rows, measures = result.differences(against), list[list[object]](), []
    for kind in result.kinds:
        score = kind.score
        measures.append(score.title if score.sign > 0 else f"reduction of {score.title}")
        for task in [*([MEAN] if kind is result.kinds[0] else []), *result.of_kind(kind)]:
            known = ((name, of_model[task]) for name, of_model in differences.items() if task in of_model)
            rows += [[_starred(result, task), name, *_difference(one, score.form)] for name, one in known]
    if rows:
        title = f"{' and '.join(measures)} against {against}"
        yield table(["task", "model", "difference", "p", ""], rows, "llrrl", title, [method(result)])


def _starred(result: Comparison, task: str) -> str:
    """Return the name of a task, with a star if it has too few rows."""
    return task if task == MEAN or result.tasks[task].counts else f"{task} *"


def _by_split(result: Comparison) -> Iterator[Section]:
    """Yield the difference of mean scores to the reference on each split; nothing for one split."""
    score = result.kinds[0].score
    tests = {name: result.scores(name, score).get(MEAN, {}) for name in result.models}
    looks = {name: result.validated(name) for name in result.models}
    others = [name for name in result.models if name != result.reference]
    if len(result.splits) < 2 or not tests[result.reference] or not others:
        return

    def gain(of: Mapping[str, Mapping[Place, float]], name: str, split: int) -> float | None:
        base = of[result.reference]
        known = [value - base[at] for at, value in of[name].items() if at in base and at[0] == split]
        return sum(known) / len(known) if known else None

    gains = {
        name: {s: (gain(looks, name, s), gain(tests, name, s)) for s in result.splits} for name in others
    }
    form = score.form
    rows = [
        [
            split,
            *(
                one if one is None else change(one, form=form)
                for name in others
                for one in gains[name][split]
            ),
        ]
        for split in result.splits
    ]
    header = ["split", *(f"{name}, {rows}" for name in others for rows in ("validation", "test"))]
    notes = ["Under a split by time, 0 is the latest window"]
    notes += [sentence for name in others if (sentence := _over_splits(name, gains[name], form))]
    yield table(header, rows, "lr", f"by split: mean {score.title} against {result.reference}", notes)


def _over_splits(name: str, gains: Mapping[int, tuple[float | None, float | None]], form: str) -> str | None:
    """Return the part of the validation gains that is left on test rows, and the trend of these."""
    known = {split: (a, b) for split, (a, b) in gains.items() if a is not None and b is not None}
    if len(known) < 2:
        return None
    validation, test = (sum(one) / len(known) for one in zip(*known.values(), strict=True))
    gains_of = [change(mean, form=form) for mean in (validation, test)]
    sentence = f"{name}: {gains_of[0]} on validation rows, {gains_of[1]} on test rows"
    if len(known) > 2 and (slope := trend([(-split, b) for split, (_, b) in known.items()])):
        sentence += f"; trend by window {interval(slope, form)}"
    return sentence


def _held(result: Comparison) -> Iterator[Section]:
    """Yield the decisions of each search that all its trainings have, and the number of the others."""
    for name, model in result.models.items():
        decided, cells = result.decided(name), len(model.tested)
        if model.strategy is None or cells < 2 or not decided:
            continue
        held = {choice: next(iter(counts)) for choice, counts in decided.items() if len(counts) == 1}
        words = [(c, one if isinstance(one, str) else " + ".join(one) or "none") for c, one in held.items()]
        note = f"{len(held)} of {len(decided)} decisions are the same in all {cells} searches"
        title = f"decisions of {name} over {_over(result)}"
        yield table(["decision", "in all searches"], words[:DECISIONS], "l", title, [note])


def _over(result: Comparison) -> str:
    """Return the numbers of seeds and splits of the means, in words."""
    seeds = f"{len(result.seeds)} seed{'s' * (len(result.seeds) > 1)}"
    return seeds if len(result.splits) == 1 else f"{seeds} on each of {len(result.splits)} splits"


def _repeated(result: Comparison) -> bool:
    """Return whether a model has several trainings."""
    return len(result.seeds) * len(result.splits) > 1


def _deviation(result: Comparison) -> str:
    """Return what the numbers of several trainings are; nothing for one."""
    return f", mean ± standard deviation over {_over(result)}" * _repeated(result)


def _notes(result: Comparison) -> Iterator[str]:
    """Yield notes on tasks with too few rows, on users, and on runs that failed or were cut short."""
    few = {name: facts for name, facts in result.tasks.items() if not facts.counts}
    yield from too_few({n: TaskMetrics(t.kind, {}, t.rows, t.positives) for n, t in few.items()})
    yield from by_user(next((model.tested[0].test for model in result.models.values() if model.tested), {}))
    for name, model in result.models.items():
        for cell in model.cells:
            if isinstance(cell, Failed):
                split = f", split {cell.split}" if len(result.splits) > 1 else ""
                yield f"{name}, seed {cell.seed}{split}: {cell.error}"
        if count := sum(cell.cut_short for cell in model.tested):
            runs = f"{count} of {len(model.tested)} runs"
            yield f"{name}: validation scores still rose at the last epoch of {runs}; raise training.epochs"


def method(result: Comparison) -> str:
    """Return the method of the confidence intervals and p values of differences, in words."""
    rows = f"test rows, grouped by {result.user}" if result.user else "test rows"
    if _repeated(result):
        method = f"from the spread over {_over(result)} and over {rows}"
    else:
        method = f"over {rows} of one training of each model, and not over trainings"
    return f"95 % confidence interval {method}; it and p are for all models together; level: p is .05 or more"


def _costs(result: Comparison) -> Section:
    rows = []
    for name, model in result.models.items():
        means = [cost and spread(cost, ",.0f") for cost in model.mean_costs().values()]
        times = [ratio and percent(ratio) for ratio in result.relative(name).values()]
        rows.append([name, *means, *times])
    relative = [f"{cost} / {result.reference}" for cost in ("FLOPs", "seconds")]
    header = ["model", *(key.replace("_", " ").replace("flops", "FLOPs") for key in COSTS), *relative]
    return table(header, rows, "lr", f"costs{_deviation(result)}")


def _recipes(result: Comparison) -> Section:
    recipes = {
        f"{name}, split {split}" if len(result.splits) > 1 else name: recipe
        for name, model in result.models.items()
        for split, recipe in model.recipes.items()
    }
    keys = list(dict.fromkeys(key for recipe in recipes.values() for key in recipe))
    rows = [
        [name, *(None if (value := recipe.get(key)) is None else f"{value:g}" for key in keys)]
        for name, recipe in recipes.items()
    ]
    return table(["model", *keys], rows, "lr", f"hyperparameters, best of {result.trials} on validation data")


def spread(value: Summary, form: str) -> str:
    """Return a mean with its standard deviation."""
    deviation = ".2g" if form.endswith("g") else form
    return f"{value.mean:{form}}" + (f" ± {value.spread:{deviation}}" if value.spread else "")
