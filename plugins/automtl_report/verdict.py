"""The verdict on a run: what was gained and at what cost, which fields matter, and what to do next."""

import shlex
from collections.abc import Iterator

from automtl_core.run_dir.facts import Costs, Result
from automtl_core.training.metrics import mean_over_tasks
from automtl_core.training.significance import IN_WORDS
from automtl_inspection.importance import Importance
from automtl_inspection.sections import Bar, Bars, Figures, Section, Text, lines, next_commands
from automtl_report import sharing
from automtl_report.contest import contested, rank
from automtl_report.measured import notes, that_matter, without_effect
from automtl_report.numbers import elapsed, interval, percent
from automtl_report.record import RunRecord
from automtl_report.search import measure


def verdict(record: RunRecord) -> Iterator[Section]:
    """Yield warnings, the rank of the chosen model, and remarks."""
    yield Section("", [*notes(record), *rank(record), *map(Text, record.remarks)])


def figures(record: RunRecord) -> Iterator[Section]:
    """Yield size, FLOPs and seconds."""
    yield Section("", [Figures(known)] if (known := dict(costs(record))) else [])


def first(record: RunRecord) -> Iterator[Section]:
    """Yield what a page begins with: the model to use, and the reasons in four cards."""
    contest, result, importance = contested(record), record.get(Result), record.get(Importance)
    values, charts = dict[str, tuple[str, str]](), dict[str, Bars]()
    said, share = f"One training of `{record.config.space.name}`", contest.share if contest else None
    leads, test = contest.leads() if contest else {}, (result.test if result else None) or {}
    if contest and (best := next(iter([*contest.simple, *leads]), None)):
        lead, name = leads[best], contest.chosen.name
        said = f"Use `{name}`: " if lead.standing() == "ahead" else f"`{name}` is "
        said += f"{IN_WORDS[lead.standing()]} `{best}`" + ", the best simple model" * (best in contest.simple)
        said += f", at {percent(share)} of the FLOPs of `mmoe`" if share else ""
        gain, _, ends = interval(lead).partition(" ")
        values["gain on test rows"] = (
            f"{gain} {measure(record, 'and')}",
            f"over `{best}`, 95 % interval {ends}",
        )
        charts["gain on test rows"] = Bars("", "", [Bar("gain", lead.mean, lead.low, lead.high)])
    elif result and (
        mean := mean_over_tasks({t: m.score for t, m in test.items()}, test, record.min_positives)
    ):
        values["test score"] = f"{mean:.4f}", "mean over tasks"
    if result and result.flops_per_row:
        flops = f"{result.flops_per_row:,} FLOPs per row"
        value = f"{percent(share)} of mmoe" if share else flops
        values["cost"] = value, f"{flops + ', ' if share else ''}{result.parameters:,} parameters"
        charts |= {"cost": Bars("", "", [Bar("% of mmoe", 100 * share)], ".0f", (0, 100))} if share else {}
    if importance:
        matter, without = that_matter(importance), without_effect(importance)
        unclear = len(importance.effects) - len(matter) - len(without)
        read = next((note.text.partition(":")[0] for note in sharing.notes(record)), "")
        note = f"{unclear} unclear. " * bool(unclear) + read
        values["fields"] = f"{len(matter)} matter, {len(without)} do not", note
    values["next"] = "", " ".join(f"`{command}`" for command in _next(record))
    seed = f"{said}. One seed: another may reverse this, so compare before you ship"
    yield Section("", [Text(seed), *notes(record), *map(Text, record.remarks), Figures(values, charts)])


def intervals(record: RunRecord) -> Iterator[Section]:
    """Yield a chart of the test score of each task, beside that of the best simple model; of numbers, R2."""
    contest, bars = contested(record), dict[str, list[Bar]]()
    rival = next((p for p in contest.ranked if p.name in contest.simple), None) if contest else None
    name = contest.chosen.name if contest and rival else ""
    for task, m in (record.result.test or {}).items():
        known = m.score is not None and m.interval is not None
        title, score = (m.type.score.title, m.score) if known else (m.type.measure, m.evidence)
        if score is not None:
            bars.setdefault(title, []).append(Bar(task, score, *(m.interval or (None, None)), of=name))
        if rival and title == m.type.measure and task in rival.test_losses:
            bars.setdefault(title, []).append(Bar(task, 1 - rival.test_losses[task], of=rival.name))
    yield Section("", [Bars(f"Test {t}", "", some, ".4f", (), name) for t, some in bars.items()])


def steps(record: RunRecord) -> Iterator[Section]:
    """Yield the folder of the run, and what to do next."""
    known = dict(costs(record))
    took = [value if label == "time" else f"{value} {label}" for label, (value, _) in known.items()]
    ended = ", ".join([*took, f"saved in {record.path}"])
    yield lines(ended, *next_commands([f"automtl report {shlex.quote(str(record.path))}", _next(record)[0]]))


def _next(record: RunRecord) -> list[str]:
    """Return the commands to run after a report."""
    run = shlex.quote(str(record.path))
    return [f"automtl compare --models mmoe,{run}"] * bool(record.search.front) + [f"automtl export {run}"]


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
