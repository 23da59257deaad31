"""Views of a comparison: tables for a terminal, sections of its report, and the files that it writes."""

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from automtl_comparison.document import ALONE, COSTS, MEAN, Comparison, Part
from automtl_comparison.statistics import Summary, summary, trend
from automtl_core.errors import ArtifactError
from automtl_core.system.documents import read_json
from automtl_core.system.files import write_atomic
from automtl_core.tasks.kind import Measure
from automtl_core.training.metrics import flat, too_few
from automtl_inspection.sections import Bar, Bars, Block, Curves, Grid, Section, Text, table
from automtl_report.metrics import by_user
from automtl_report.numbers import LEVEL, change, elapsed, interval, of_changes, p_value
from automtl_report.plain import markdown

DECISIONS = 20
"""Largest number of decisions that are listed."""


def sections(result: Comparison) -> Iterator[Section]:
    """Yield all that is known of a comparison; a terminal leaves out what a page folds."""
    title = f"verdict against {result.reference}" if len(result.models) > 1 else "models"
    words, how = filter(None, [result.advice()]), [method(result)] if len(result.models) > 1 else []
    yield Section(title, [_models(result), *map(Text, [*result.notes, *words])])
    for against in dict.fromkeys([result.reference, ALONE]):
        yield from _differences(result, against)
    yield Section("", list(map(Text, [*how, *_notes(result)])))
    yield from _by_split(result)
    training = [*_recipes(result), _data(result)] if result.trained else []
    for section in (*_scores(result), *_held(result), *training):
        yield replace(section, folded=True)


def outcome(result: Comparison) -> list[Section]:
    """Return what a terminal shows of a comparison."""
    return [section for section in sections(result) if not section.folded]


def page(result: Comparison) -> str:
    """Return the text of `compare.md`."""
    return markdown(f"Comparison on {result.dataset}", sections(result))


def comma_separated(result: Comparison) -> str:
    """Return the text of `compare.csv`: one row for each model, cell and task; missing metrics are blank.

    A cell without results has one row, with its error.
    """
    measured = [*dict.fromkeys(metric.key for metric in result.metrics()), "positives", "rows"]
    columns = ["model", "split", "seed", "task", *measured, "run", *COSTS, "error"]
    out = io.StringIO()
    writer = csv.DictWriter(out, columns, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    for name, cell in result.cells:
        rows = [{"task": task, **flat(m)} for task, m in cell.test.items()] or [{}]
        writer.writerows({"model": name, **vars(cell), **row} for row in rows)
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
    caution = "" if _repeated(result) else ": another may reverse this"
    about = f"{', '.join(result.models)} · {_over(result)}{caution}"
    return f"Comparison on {result.dataset}", about, sections(result)


def _models(result: Comparison) -> Grid:
    """Return a table of the models, the best first; the score is the mean over tasks, or of the first."""
    columns, verdicts = result.columns, result.verdicts()
    of_models = {name: result.main_scores(name) for name in result.models}
    column = next((c for c in columns if any(c in of for of in of_models.values())), next(iter(result.tasks)))
    rows: list[list[object]] = []
    for name, model in sorted(result.models.items(), key=lambda one: one[0] != result.best):
        costs, values = model.mean_costs(), of_models[name].get(column, {}).values()
        score = spread(summary(list(values)), columns[column].form) if values else None
        known = map(costs.get, ("flops_per_row", "parameters"))
        sizes = [spread(size, ",.0f") if size and size.mean else None for size in known]
        seconds = [costs[key] for key in ("train_seconds", "search_seconds")]
        took = " + ".join(elapsed(one.mean) for one in seconds if one and one.mean)
        rows.append([name, score, verdicts.get(name, ""), *sizes, took + " search" * ("+" in took)])
    title = f"{column} test {{}}" if column == MEAN else f"test {{}} of {column}"
    head = ["model", title.format(columns[column].title), "verdict", "FLOPs per row", "parameters", "time"]
    shown = len(head) if result.trained else head.index("FLOPs per row")
    return Grid(head[:shown], [row[:shown] for row in rows], "lrlrrr"[:shown], chosen=bool(result.best))


def _cost(result: Comparison) -> list[Block]:
    """Return a plot of the mean score against FLOPs, where at least two models have both."""
    score, against = result.columns[MEAN], result.differences(result.reference)
    base = result.summaries(result.reference, score).get(MEAN)
    points, lines = dict[str, list[tuple[float, float]]](), list[tuple[float, float, float]]()
    last = result.best, None, result.reference
    for name, model in sorted(
        result.models.items(), key=lambda one: last.index(one[0]) if one[0] in last else 1
    ):
        flops, mean = model.mean_costs()["flops_per_row"], result.summaries(name, score).get(MEAN)
        if flops is not None and flops.mean > 0 and mean is not None:
            points[name], one = [(flops.mean, mean.mean)], against.get(name, {}).get(MEAN)
            if base and one and one.low is not None and one.high is not None:
                lines.append((flops.mean, base.mean + one.low, base.mean + one.high))
    y = f"mean test {score.title}; lines: 95 % against {result.reference}"
    found = Curves("Score and cost", "FLOPs per row", y, points, intervals=lines, logarithmic=True)
    return [found] if len(points) > 1 else []


def _data(result: Comparison) -> Section:
    texts = []
    for seed, split in result.splits.items():
        rows = ", ".join(f"{part} {count:,}" for part, count in split.rows.items())
        which = f"Split {seed}, rows" if len(result.splits) > 1 else "Rows"
        texts.append(Text(f"{which}: {rows}. Fingerprint of the data: {split.fingerprint[:12]}."))
    return Section("data", texts)


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
            deviation = f", mean ± standard deviation over {_over(result)}" * _repeated(result)
            yield table(header, rows, "lr", f"test {metric.title}{deviation}")


def _differences(result: Comparison, against: str) -> Iterator[Section]:
    """Yield the differences to a model, by task; nothing if it is not among the models."""
    differences, rows = result.differences(against), list[list[object]]()
    forests = dict[Measure, list[Bar]]()
    for column, score in result.columns.items():
        known = {name: of[column] for name, of in differences.items() if column in of}
        for name, one in sorted(known.items(), key=lambda found: found[0] != result.best):
            p = "" if one.adjusted_p is None else p_value(one.adjusted_p)
            standing = result.standing(column, one)
            told = LEVEL if standing == "level" else standing or ""
            rows.append([_starred(result, column), name, interval(one, score.form), p, told])
            forests.setdefault(score, []).append(Bar(column, one.mean, one.low, one.high, name))
    if rows:
        scores = [kind.score for kind in result.kinds]
        measures = [score.title if score.sign > 0 else f"reduction of {score.title}" for score in scores]
        over = "" if _repeated(result) else " over test rows, not over trainings"
        over += "; negative transfer: left of 0" if against == ALONE else "; right of 0: better"
        more = _cost(result) if against == result.reference else []
        for score, bars in reversed(forests.items()):
            form = of_changes((bar.value for bar in bars), score.form)
            best = result.best or ""
            more.insert(0, Bars(score.title, f"gain over {against}{over}", bars, form, chosen=best))
        grid = Grid(["task", "model", "difference", "p", ""], rows, "llrrl", folded="differences")
        yield Section(f"{' and '.join(measures)} against {against}", [grid], more=more)


def _starred(result: Comparison, task: str) -> str:
    """Return the name of a task, with a star if it has too few rows."""
    return f"{task} *" if task in result.few else task


def _by_split(result: Comparison) -> Iterator[Section]:
    """Yield the difference of mean scores to the reference on each split; nothing for one split."""
    score, notes = result.columns[MEAN], ["Under a split by time, 0 is the latest window"]
    columns: dict[str, dict[int, float]] = {}
    for name in result.models:
        if name != result.reference:
            validation, test = _gains(result, name, "validation"), _gains(result, name, "test")
            columns |= {f"{name}, validation": validation, f"{name}, test": test}
            notes += _over_splits(name, validation, test, score.form)
    if len(result.splits) > 1 and any(columns.values()):
        rows = [
            [split, *(change(of[split], form=score.form) if split in of else None for of in columns.values())]
            for split in result.splits
        ]
        title = f"by split: mean {score.title} against {result.reference}"
        yield table(["split", *columns], rows, "lr", title, notes)


def _gains(result: Comparison, name: str, part: Part) -> dict[int, float]:
    """Return the mean difference of a model to the reference by split, where it is known."""
    own, base = (result.scores(n, result.columns[MEAN], part).get(MEAN, {}) for n in (name, result.reference))
    by_split: dict[int, list[float]] = {}
    for at, value in own.items():
        if at in base:
            by_split.setdefault(at[0], []).append(value - base[at])
    return {split: sum(found) / len(found) for split, found in by_split.items()}


def _over_splits(
    name: str, validation: Mapping[int, float], test: Mapping[int, float], form: str
) -> Iterator[str]:
    """Yield the part of the validation gains that is left on test rows, and the trend of these."""
    both = [split for split in test if split in validation]
    if len(both) < 2:
        return
    kept, left = (change(sum(of[s] for s in both) / len(both), form=form) for of in (validation, test))
    slope = trend([(-split, test[split]) for split in both]) if len(both) > 2 else None
    over = f"; trend by window {interval(slope, form)}" if slope else ""
    yield f"{name}: {kept} on validation rows, {left} on test rows{over}"


def _held(result: Comparison) -> Iterator[Section]:
    """Yield the decisions of each search that all its trainings have, and the number of the others."""
    for name, model in result.models.items():
        decided = [cell.decisions for cell in model.tested]
        if model.strategy is None or len(decided) < 2 or not any(decided):
            continue
        first, count = decided[0], len({choice for of_cell in decided for choice in of_cell})
        held = {choice: one for choice, one in first.items() if all(of.get(choice) == one for of in decided)}
        words = [(c, one if isinstance(one, str) else " + ".join(one) or "none") for c, one in held.items()]
        note = f"{len(held)} of {count} decisions are the same in all {len(decided)} searches"
        title = f"decisions of {name} over {_over(result)}"
        yield table(["decision", "in all searches"], words[:DECISIONS], "l", title, [note])


def _over(result: Comparison) -> str:
    """Return the numbers of seeds and splits of the means, in words."""
    seeds = f"{len(result.seeds)} seed{'s' * (len(result.seeds) > 1)}"
    return seeds if len(result.splits) == 1 else f"{seeds} on each of {len(result.splits)} splits"


def _repeated(result: Comparison) -> bool:
    """Return whether a model has several trainings."""
    return len(result.seeds) * len(result.splits) > 1


def _notes(result: Comparison) -> Iterator[str]:
    """Yield notes on tasks with too few rows, on users, and on runs that failed or were cut short."""
    yield from too_few(result.few)
    yield from by_user(next((cell.test for _, cell in result.cells if cell.test), {}))
    yield from result.lost
    for name, model in result.models.items():
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
    level = f"{LEVEL}: p is .05 or more"
    if result.margins:
        beyond = " or ".join(f"{result.margins[column]:.4g} of {column}" for column in result.judged)
        level = f"ahead or behind: the whole interval is beyond {beyond}"
    return f"95 % confidence interval {method}; it and p are for all models together; {level}"


def _recipes(result: Comparison) -> Iterator[Section]:
    """Yield the hyperparameters that tuning has found."""
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
    if result.trials > 1:
        title = f"hyperparameters, best of {result.trials} on validation data"
        yield table(["model", *keys], rows, "lr", title)


def spread(value: Summary, form: str) -> str:
    """Return a mean with its standard deviation."""
    deviation = ".2g" if form.endswith("g") else form
    return f"{value.mean:{form}}" + (f" ± {value.spread:{deviation}}" if value.spread else "")
