"""The verdict on a run: what was gained and at what cost, which fields matter, and what to do next."""

import shlex
from collections.abc import Iterator

from automtl_core.run_dir.facts import Costs, Result
from automtl_inspection.sections import Bar, Bars, Figures, Section, Text, lines, next_commands
from automtl_report.contest import rank
from automtl_report.measured import notes
from automtl_report.numbers import elapsed
from automtl_report.record import RunRecord


def verdict(record: RunRecord) -> Iterator[Section]:
    """Yield warnings, the rank of the chosen model, and remarks."""
    yield Section("", [*notes(record), *rank(record), *map(Text, record.remarks)])


def figures(record: RunRecord) -> Iterator[Section]:
    """Yield size, FLOPs and seconds."""
    yield Section("", [Figures(known)] if (known := dict(costs(record))) else [])


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
    run, known = shlex.quote(str(record.path)), dict(costs(record))
    then = f"automtl compare --models mmoe,{run}" if record.search.front else f"automtl export {run}"
    took = [value if label == "time" else f"{value} {label}" for label, (value, _) in known.items()]
    ended = ", ".join([*took, f"saved in {record.path}"])
    yield lines(ended, *next_commands([f"automtl report {run}", then]))


def costs(record: RunRecord) -> Iterator[tuple[str, tuple[str, str]]]:
    """Yield the FLOPs and the size of the network, and the seconds of each phase: label, value and note."""
    result = record.get(Result)
    if result and result.flops_per_row:
        yield "FLOPs per row", (f"{result.flops_per_row:,}", "")
    if result and result.parameters:
        dense = f"{result.parameters_beside_embeddings:,} beside embeddings"
        yield "parameters", (f"{result.parameters:,}", dense)
    if result and (costs := record.get(Costs)):
        phases = {name.replace("_", " "): s for name, s in costs.seconds.items() if s >= 0.5}
        words = ", ".join(f"{name} {elapsed(seconds)}" for name, seconds in phases.items())
        yield "time", (elapsed(sum(costs.seconds.values())), words)
