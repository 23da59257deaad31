"""Views of command results: a search plan, a search, an evaluation, predictions."""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, repeat

import yaml

from automtl_core.modules.cost import Cost
from automtl_core.run_dir.config import RunConfig
from automtl_core.views import importance
from automtl_core.views.finding import COSTS, numbers, short
from automtl_core.views.metrics import metrics
from automtl_core.views.values import Section, Text, facts, lines, next_commands, preformatted, table
from automtl_core.workflow.outcomes import Evaluation, Plan, Predicted, SearchOutcome, Tested

SHOWN = 10
"""Number of skipped rows that are named."""


def plan(plan: Plan, config: RunConfig) -> Iterator[Section]:
    """Yield the plan of a search, and the resolved configuration."""
    about = {key: value for key, value in vars(plan).items() if key not in ("answers", "points")}
    yield facts("plan", about)
    if plan.answers:
        yield table(["choice", "option", *COSTS], _options(plan.answers), "llr")
    yield table(["network", *COSTS], ([name, *numbers(cost)] for name, cost in plan.points.items()), "lr")
    yield preformatted(yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False).rstrip())


def search(ended: SearchOutcome) -> Iterator[Section]:
    """Yield a summary of a finished search, and the next commands."""
    yield from short(ended.finding)
    result = ended.result
    table = metrics(result.test or {}, result.reachable or {}, ended.min_positives)
    fields = importance.sentences(ended.finding.importance) if ended.finding.importance else ()
    yield Section("", [*table, *fields, *map(Text, ended.remarks)])
    run = shlex.quote(str(ended.run))
    yield lines(f"run: {ended.run}", *next_commands([f"automtl report {run}", f"automtl show {run}"]))


def evaluation(ended: Evaluation) -> Section:
    """Return test metrics, and whether they equal the recorded ones."""
    repeated = [Text("The metrics are exactly those that the run recorded")] if ended.repeats else []
    return Section("", [*metrics(ended.test, ended.reachable, ended.min_positives), *repeated])


def tested(ended: Tested) -> Section:
    """Return the test metrics of new rows."""
    rows = Text(f"{ended.rows:,} rows{_left_out(len(ended.skipped))}")
    return Section(
        "", [*metrics(ended.test, {}, ended.min_positives), rows, *map(Text, _some(ended.skipped))]
    )


def predicted(ended: Predicted) -> Section:
    """Return the file of the predictions of new rows, and their number."""
    rows = f"{ended.rows:,} rows of {', '.join(ended.scores)}{_left_out(ended.rejected)}"
    others = [f"{name}: {meaning}" for name, meaning in ended.scores.items() if name not in ended.tasks]
    return lines(f"{ended.output}: {rows}", *others, *_some(ended.skipped))


def _options(costs: Mapping[str, Mapping[str, Cost]]) -> Iterator[list[object]]:
    """Yield the cost of each option; choices with the same options and costs share rows."""
    alike: dict[tuple[str, tuple[tuple[str, Cost], ...]], list[str]] = {}
    for choice, options in costs.items():
        alike.setdefault((choice.rpartition("/")[2], tuple(options.items())), []).append(choice)
    for (_, alternatives), (first, *others) in alike.items():
        names = chain([first + (f" and {len(others)} more" if others else "")], repeat(""))
        yield from (
            [name, option, *numbers(cost)] for name, (option, cost) in zip(names, alternatives, strict=False)
        )


def _some(skipped: Sequence[str]) -> Iterator[str]:
    """Yield the first of some skipped rows."""
    yield from (f"skipped: {row}" for row in skipped[:SHOWN])
    if len(skipped) > SHOWN:
        yield f"and {len(skipped) - SHOWN:,} more; --json lists all"


def _left_out(rejected: int) -> str:
    """Return a note on skipped faulty rows, or nothing if there are none."""
    return f"; {rejected:,} faulty row{'s' * (rejected != 1)} skipped" if rejected else ""
