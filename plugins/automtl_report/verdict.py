"""The verdict on a run: what was gained and at what cost, which fields matter, and what to do next."""

import shlex
from collections.abc import Iterator

from automtl_core.run_dir.facts import Costs, Result
from automtl_core.tasks.kinds import distinct
from automtl_core.training.metrics import mean_over_tasks
from automtl_core.views import Bar, Bars, Figures, Section, Text, lines, next_commands
from automtl_report.contest import rank
from automtl_report.measured import notes
from automtl_report.numbers import elapsed
from automtl_report.record import RunRecord


def verdict(record: RunRecord) -> Iterator[Section]:
    """Yield warnings, the rank of the chosen model, and the values that tell most."""
    result = record.get(Result)
    measured = [*_score(record, result), *costs(record, result)] if result else []
    figures = [Figures(dict(measured))] if measured else []
    remarks = map(Text, record.remarks)
    yield Section("", [*notes(record), *rank(record), *figures, *remarks])


def intervals(record: RunRecord) -> Iterator[Section]:
    """Yield a chart of the test scores with their intervals for each score; of numbers, it shows R2."""
    bars: dict[str, list[Bar]] = {}
    for task, m in (record.result.test or {}).items():
        if m.score is not None and m.interval is not None:
            bars.setdefault(m.type.score.title, []).append(Bar(task, m.score, *m.interval))
        elif m.evidence is not None:
            bars.setdefault(m.type.measure, []).append(Bar(task, m.evidence))
    charts = [Bars(f"Test {title}", title, some, ".4f", from_zero=False) for title, some in bars.items()]
    yield Section("", charts)


def steps(record: RunRecord) -> Iterator[Section]:
    """Yield the folder of the run, and what to do next."""
    run = shlex.quote(str(record.path))
    then = f"automtl compare --models mmoe,{run}" if record.search.front else f"automtl export {run}"
    commands = [f"automtl report {run}", f"automtl show {run}", then]
    yield lines(f"run: {record.path}", *next_commands(commands))


Figure = tuple[str, tuple[str, str]]
"""Label, value and note."""


def _score(record: RunRecord, result: Result) -> Iterator[Figure]:
    test = result.test or {}
    for kind in distinct(m.kind for m in test.values()):
        of_kind = {task: m for task, m in test.items() if m.kind == kind.name}
        mean = mean_over_tasks({t: m.score for t, m in of_kind.items()}, of_kind, record.min_positives)
        if mean is not None:
            (task, first), *more = of_kind.items()
            count = sum(m.is_informative(record.min_positives) for m in of_kind.values())
            ends = " to ".join(f"{end:{kind.score.form}}" for end in first.interval or ())
            of = f"mean of {count} tasks" if more else ", ".join(filter(None, [task, ends]))
            yield f"test {kind.score.title}", (f"{mean:{kind.score.form}}", of)


def costs(record: RunRecord, result: Result) -> Iterator[Figure]:
    """Yield the size and FLOPs of the network, and the seconds of each phase."""
    if result.flops_per_row:
        yield "FLOPs per row", (f"{result.flops_per_row:,}", "")
    if result.parameters:
        dense = f"{result.parameters_beside_embeddings:,} beside embeddings"
        yield "parameters", (f"{result.parameters:,}", dense)
    if costs := record.get(Costs):
        phases = {name.replace("_", " "): s for name, s in costs.seconds.items() if s >= 0.5}
        words = ", ".join(f"{name} {elapsed(seconds)}" for name, seconds in phases.items())
        yield "time", (elapsed(sum(costs.seconds.values())), words)
