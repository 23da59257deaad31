"""Sections of the report of a comparison."""

from collections.abc import Iterator

from automtl_comparison.document import ALONE, MEAN, Comparison
from automtl_comparison.statistics import Difference
from automtl_comparison.verdicts import SURE
from automtl_comparison.views import change, comparison, method, spread
from automtl_core.views.values import Bar, Bars, Block, Grid, Plot, Section, Text


def of_comparison(result: Comparison) -> Iterator[Section]:
    """Yield the sections: verdict, scores, differences, costs, and all tables."""
    yield Section("verdict", list(_verdict(result)))
    over = "" if len(result.seeds) * len(result.splits) > 1 else " over test rows, not over trainings"
    for against in dict.fromkeys([result.reference, ALONE]):
        if charts := list(_differences(result, against)):
            title = f"differences to {against}"
            note = "Negative transfer: tasks left of 0." if against == ALONE else "Right of 0: better."
            lines = f"Lines: 95 % intervals{over}. Pale: not significant."
            yield Section(title, [Text(f"{note} {lines}"), *charts])
    if plot := _cost(result):
        yield Section("score and cost", plot)
    yield Section("tables", [])
    for section in comparison(result):
        yield Section("", [*([Text(section.title)] if section.title else []), *section.blocks])


def _verdict(result: Comparison) -> Iterator[Block]:
    """Yield a table of mean scores, differences and costs, and the verdicts."""
    score = result.kinds[0].score
    against = result.differences(result.reference)
    alone = result.differences(ALONE) if ALONE in result.models else {}
    rows = []
    for name in result.models:
        mean = result.summaries(name, score).get(MEAN)
        relative = result.relative(name).flops_per_row
        gains = [of_model.get(name, {}).get(MEAN) for of_model in (against, *([alone] if alone else []))]
        rows.append(
            [
                name,
                mean and spread(mean, score.form),
                *(gain and change(gain, score.form) for gain in gains),
                relative and f"{relative:.2f}",
            ]
        )
    columns = ["model", f"mean test {score.title}", f"against {result.reference}"]
    columns += [f"against {ALONE}"] if alone else []
    yield Grid([*columns, f"FLOPs / {result.reference}"], rows, "lr")
    if len(result.models) > 1:
        yield Text(method(result))
        for name, sentence in result.verdicts().items():
            yield Text(f"{name}: {sentence}")


def _differences(result: Comparison, against: str) -> Iterator[Bars]:
    differences = result.differences(against) if against in result.models else {}
    tasks = [*(task for kind in result.kinds for task in result.of_kind(kind)), MEAN]
    for task in tasks:
        bars = [
            Bar(name, one.mean, one.low, one.high, _significant(one))
            for name, of_model in differences.items()
            for one in [of_model.get(task)]
            if one is not None
        ]
        if bars:
            yield Bars(task, f"gain over {against}", bars)


def _cost(result: Comparison) -> list[Block]:
    """Return a plot of the mean score against FLOPs, where at least two models have both."""
    score = result.kinds[0].score
    points = {}
    for name, model in result.models.items():
        flops, mean = model.costs()["flops_per_row"], result.summaries(name, score).get(MEAN)
        if flops is not None and flops.mean > 0 and mean is not None:
            points[name] = (flops.mean, mean.mean)
    return [Plot("FLOPs per row", f"mean test {score.title}", points)] if len(points) > 1 else []


def _significant(one: Difference) -> bool:
    return one.adjusted_p is not None and one.adjusted_p < SURE
