"""The command `automtl board`: a model against the models of a board, and the board itself."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from automtl_core.commands import Output, argument, option
from automtl_core.errors import UsageError
from automtl_core.views.numbers import change
from automtl_core.views.values import Section, lines, table

if TYPE_CHECKING:  # numpy and torch are slow to import
    from automtl_comparison.board import Board, Judged
    from automtl_comparison.statistics import Summary


def board(
    predictions: str | None = argument(
        "[FILE]",
        "Predictions of a model: CSV, TSV or Parquet with the columns problem, row, one of probabilities for "
        "each task and, for several trainings, seed. Without it, the board is shown.",
    ),
    *,
    file: Path | None = option("FILE", "The board [that of this copy of the repository].", "--board"),
    rows: str | None = option(
        "PROBLEM", "Write the test rows of a problem, with units and labels, to --out."
    ),
    out: Path | None = option("FILE", "With --rows: the CSV file to write."),
) -> Output:
    """Judge a model on the rows of a board, or show the models of the board.

    A board holds the predictions of models for the test rows of several problems. AUC decides: the model is
    ahead of another one, or behind, where the whole interval of the difference is on one side of 0. The
    interval is of a paired bootstrap over users, days or rows, with the variance over seeds of both models,
    for all models together.
    """
    if (rows is None) != (out is None):
        raise UsageError("--rows and --out belong together", "such as --rows flights --out rows.csv")
    if rows is not None and predictions is not None:
        raise UsageError("--rows writes rows, and judges no predictions", "leave one of them out")
    from automtl_comparison.board import BOARD, judge, read
    from automtl_core.registry.plugins import load_registry

    load_registry()  # supplies GAUC
    known = read(file or BOARD)
    if rows is not None and out is not None:
        return Output(_written(known, rows, out), lambda written: lines(f"written to {written['out']}"))
    if predictions is not None:
        return Output(judge(known, predictions), _judged)
    return Output(_models(known), _board)


def _written(known: "Board", name: str, out: Path) -> Mapping[str, Any]:
    """Write the test rows of a problem."""
    import pandas as pd

    from automtl_comparison.board import PROBLEM, ROW, UNIT

    problem = known.problem(name, "--rows")
    labels = {task: of.astype(int) for task, of in problem.labels.items()}
    units = {} if problem.units is None else {UNIT: problem.units}
    pd.DataFrame({PROBLEM: name, ROW: problem.rows, **units, **labels}).to_csv(out, index=False)
    return {"problem": name, "rows": len(problem.rows), "out": str(out)}


def _models(known: "Board") -> Mapping[str, Any]:
    """Return the mean AUC over tasks of each model by problem, with the mean ranks, the best model first."""
    from automtl_comparison.board import MEASURES, OPTIMUM, ranks, trainings
    from automtl_comparison.statistics import summary

    scores = {name: trainings(problem, MEASURES[0]) for name, problem in known.problems.items()}
    of_ranks = ranks(scores)
    return {
        "about": known.about,
        "ranks": of_ranks,
        "scores": {
            model: {name: summary([*of[model].scores]) for name, of in scores.items() if model in of}
            for model in [*of_ranks, OPTIMUM]
        },
    }


def _board(shown: Mapping[str, Any]) -> Section:
    about, scores = shown["about"], shown["scores"]
    problems = [*about["problems"]]
    rows = [
        [model, *(_spread(of.get(name)) for name in problems), _rank(shown["ranks"].get(model))]
        for model, of in scores.items()
        if of
    ]
    notes = [
        "Mean over tasks, ± standard deviation over seeds; optimum: the true probabilities",
        "Judge predictions: automtl board FILE",
    ]
    return table(["model", *problems, "mean rank"], rows, "lr", "test AUC", notes)


def _judged(result: "Judged") -> Iterator[Section]:
    measures = [*result.against[0].gains]
    own = [
        [name, count, *(_spread(result.scores[name].get(m)) for m in measures)]
        for name, count in result.trainings.items()
    ]
    title = f"{result.name}: mean rank {result.rank:.1f} of {len(result.against) + 1}"
    yield table(["problem", "trainings", *measures], own, "lr", title, result.notes)
    several = len(result.trainings) > 1
    rows = [
        [
            one.model,
            _rank(one.rank),
            *(change(d.mean, d.low, d.high) for d in map(one.gains.__getitem__, measures)),
            one.verdict,
        ]
        for one in result.against
    ]
    reduced = [f"reduction of {m}" if m == "log loss" else m for m in measures]
    note = (
        f"Positive where it is better{', means over problems' if several else ''}. 95 % intervals for all "
        f"{len(rows)} models together, of a paired bootstrap over users, days or rows, with the seeds of both"
    )
    yield table(["against", "mean rank", *reduced, "verdict"], rows, "lr", "differences", [note])
    if several:
        yield _by_problem(result)


def _by_problem(result: "Judged") -> Section:
    from automtl_comparison.board import verdict

    marks = {"ahead": " +", "behind": " -", "level": ""}
    names = [*result.trainings]
    rows = [
        [
            one.model,
            *(f"{change(d.mean)}{marks[verdict(d)]}" for d in (one.by_problem[name] for name in names)),
        ]
        for one in result.against
    ]
    note = f"+ ahead, - behind: the 95 % interval for all {len(rows) * len(names)} differences together"
    return table(["against", *names], rows, "lr", "AUC by problem", [note])


def _spread(value: "Summary | None") -> str | None:
    if value is None:
        return None
    return f"{value.mean:.4f}" + (f" ± {value.spread:.4f}" if value.spread is not None else "")


def _rank(value: float | None) -> str | None:
    return None if value is None else f"{value:.1f}"
