"""A comparison for people: grids of text, Markdown, and comma-separated values."""

import csv
import io
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from automtl_core.comparison.document import ALONE, MEAN, Comparison
from automtl_core.comparison.measured import COSTS, Diverged, Measured
from automtl_core.comparison.statistics import Difference, Summary
from automtl_core.comparison.verdicts import SURE
from automtl_core.dataset.schema import TaskKind
from automtl_core.training.metrics import METRICS, too_few


class Grid(NamedTuple):
    """One table, its cells as text."""

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    notes: Sequence[str] = ()
    words: bool = False
    """Whether the cells are words, and no numbers."""


def grids(found: Comparison) -> Iterator[Grid]:
    """Yield what people read of a comparison."""
    yield from _scores(found)
    yield from _differences(found, found.reference)
    if found.reference != ALONE:
        yield from _differences(found, ALONE)
    yield _costs(found)
    if found.trials > 1:
        yield _recipes(found)
    if len(found.models) > 1:
        yield _verdicts(found)


def markdown(found: Comparison) -> str:
    """Return the text of `compare.md`."""
    parts = [f"# Comparison on {found.dataset}\n"]
    for seed, split in found.splits.items():
        rows = ", ".join(f"{part} {count:,}" for part, count in split.rows.items())
        which = f"Split {seed}, rows" if len(found.splits) > 1 else "Rows"
        parts.append(f"{which}: {rows}. Data {split.fingerprint[:12]}.\n")
    for grid in grids(found):
        lines = [grid.header, ["---"] * len(grid.header), *grid.rows]
        body = "\n".join("| " + " | ".join(_plain(cell) for cell in line) + " |" for line in lines)
        parts.append(f"## {grid.title}\n\n{body}\n")
        parts.extend(f"{_plain(note)}\n" for note in grid.notes)
    return "\n".join(parts)


def comma_separated(found: Comparison) -> str:
    """Return the text of `compare.csv`: a row for each model, cell and task, blank what a task lacks."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    measured = [*(metric.key for metrics in METRICS.values() for metric in metrics), "positives", "rows"]
    writer.writerow(["model", "split", "seed", "task", *measured, "run", *COSTS])
    for name, model in found.models.items():
        for cell in model.tested:
            costs = [getattr(cell.costs, key) for key in COSTS]
            for task, m in cell.test.items():
                values = [getattr(m, key, None) for key in measured]
                writer.writerow([name, *cell.place, task, *values, cell.run, *costs])
    return out.getvalue()


def _scores(found: Comparison) -> Iterator[Grid]:
    notes = [*_rare(found), *_failures(found), *_cut_short(found)]
    over = _over(found)
    for kind, metrics in METRICS.items():
        if columns := _columns(found, kind):
            for metric in metrics:
                summaries = {name: found.summaries(name, metric) for name in found.models}
                rows = [
                    [name, *(_spread(by_task.get(column), metric.form) for column in columns)]
                    for name, by_task in summaries.items()
                ]
                title = f"test {metric.title}, mean ± standard deviation over {over}"
                yield Grid(title, _header(found, columns), rows, notes)
                notes = []  # once is enough


def _over(found: Comparison) -> str:
    """Return over what means are taken."""
    seeds, splits = len(found.seeds), len(found.splits)
    told = f"{seeds} seed{'s' if seeds > 1 else ''}"
    return told if splits == 1 else f"{told} on each of {splits} splits"


def _which(found: Comparison, cell: Measured | Diverged) -> str:
    """Return which cell of a model it is."""
    return f"seed {cell.seed}" + (f", split {cell.split}" if len(found.splits) > 1 else "")


def _rare(found: Comparison) -> list[str]:
    return [
        too_few(task, facts.positives, facts.rows) for task, facts in found.tasks.items() if not facts.counts
    ]


def _failures(found: Comparison) -> list[str]:
    return [
        f"{name}, {_which(found, cell)}: {cell.error}"
        for name, model in found.models.items()
        for cell in model.cells
        if isinstance(cell, Diverged)
    ]


def _cut_short(found: Comparison) -> list[str]:
    counts = {name: sum(cell.cut_short for cell in model.tested) for name, model in found.models.items()}
    return [
        f"{name}: in {count} of {len(found.models[name].tested)} cells validation scores still rose when "
        "epochs were over; more may do better, see training.epochs"
        for name, count in counts.items()
        if count
    ]


def _differences(found: Comparison, against: str) -> Iterator[Grid]:
    notes = _how(found)
    differences = found.differences(against)
    for kind, (score, *_) in METRICS.items():
        if differences and (columns := _columns(found, kind)):
            rows = [
                [name, *(_change(by_task.get(column), score.form) for column in columns)]
                for name, by_task in differences.items()
            ]
            what = score.title if score.sign > 0 else f"fall of {score.title}"
            yield Grid(f"{what} against {against}", _header(found, columns), rows, notes)


def _how(found: Comparison) -> list[str]:
    """Return how differences come to their intervals and p values."""
    whom = f"test rows, all of a {found.user} at once" if found.user else "test rows"
    chance = f"paired bootstrap over {whom}"
    if len(found.seeds) * len(found.splits) > 1:
        told = f"95 % confidence interval from the spread over {_over(found)} and a {chance}"
    else:
        told = f"95 % confidence interval of a {chance}; what chance adds in training is not in it"
    return [f"{told}; p after Holm's correction; ! where it is below .05"]


def _columns(found: Comparison, kind: TaskKind) -> list[str]:
    tasks = found.of_kind(kind)
    return [*tasks, MEAN] if tasks and kind == "binary" else tasks


def _header(found: Comparison, columns: Sequence[str]) -> list[str]:
    return ["model", *(name if name == MEAN or found.tasks[name].counts else f"{name} *" for name in columns)]


def _costs(found: Comparison) -> Grid:
    rows = []
    for name, model in found.models.items():
        relative = found.relative(name)
        means = [_spread(value, ",.0f") for value in model.costs().values()]
        ratios = [
            "-" if ratio is None else f"{ratio:.2f}" for ratio in (relative.flops_per_row, relative.seconds)
        ]
        rows.append([name, *means, *ratios])
    header = ["model", *map(_words, COSTS), f"flops / {found.reference}", f"seconds / {found.reference}"]
    return Grid("costs, mean ± standard deviation", header, rows)


def _recipes(found: Comparison) -> Grid:
    recipes = {
        f"{name}, split {split}" if len(found.splits) > 1 else name: recipe
        for name, model in found.models.items()
        for split, recipe in model.recipes.items()
    }
    keys = list(dict.fromkeys(key for recipe in recipes.values() for key in recipe))
    rows = [
        [name, *("-" if recipe.get(key) is None else f"{recipe[key]:g}" for key in keys)]
        for name, recipe in recipes.items()
    ]
    return Grid(f"recipe, best of {found.trials} on validation data", ["model", *map(_words, keys)], rows)


def _verdicts(found: Comparison) -> Grid:
    note = f"p below {SURE:g} after Holm's correction is more than chance; cost: operations a row"
    rows = list(found.verdicts().items())
    return Grid(f"verdict against {found.reference}", ["model", "verdict"], rows, [note], words=True)


def _words(key: str) -> str:
    return key.replace("_", " ")


def _spread(value: Summary | None, form: str) -> str:
    if value is None:
        return "-"
    mean = f"{value.mean:{form}}"
    return mean if not value.spread else f"{mean} ± {value.spread:{form}}"


def _change(value: Difference | None, form: str) -> str:
    if value is None:
        return "-"
    mean = f"{value.mean:+{form}}"
    if value.adjusted_p is None:
        return mean
    mark = " !" if value.adjusted_p < SURE else ""
    return f"{mean} [{value.low:+{form}}, {value.high:+{form}}] p {value.adjusted_p:.3f}{mark}"


def _plain(value: str) -> str:
    """Return text that cannot break out of a cell of Markdown."""
    return value.replace("|", "\\|").replace("\n", " ").replace("<", "&lt;")
