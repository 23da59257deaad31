"""The verdict on a run: what was gained and at what cost, which fields matter, and what to do next."""

import shlex
from collections.abc import Iterator

from automtl_core.run_dir.facts import Costs, Result
from automtl_inspection.importance import Importance
from automtl_inspection.sections import Bar, Bars, Figures, Section, Text, lines, next_commands
from automtl_report import sharing
from automtl_report.contest import contested, rank
from automtl_report.measured import notes, reasons, that_matter, without_effect
from automtl_report.numbers import elapsed, interval, percent
from automtl_report.record import RunRecord
from automtl_report.search import score_name


def verdict(record: RunRecord) -> Iterator[Section]:
    """Yield warnings, the rank of the chosen model, and remarks."""
    yield Section("", [*notes(record), *rank(record), *map(Text, [*record.unread, *record.remarks])])


def first(record: RunRecord) -> Iterator[Section]:
    """Yield what a page begins with: the model to use, and the reasons in four cards."""
    if (result := record.get(Result)) is None:
        return
    contest, importance = contested(record), record.get(Importance)
    values, charts = dict[str, tuple[str, str]](), dict[str, Bars]()
    said, *more = [t.text for t in rank(record)] or ["One training without another model beside it"]
    texts = [*notes(record), *map(Text, [f"{said}. One seed: compare before you ship", *more])]
    share = contest.share if contest else None
    if record.in_vain:
        values["gain"] = "none", "no task is predicted better than by a constant, beyond chance"
    elif contest and (rival := contest.rival):
        lead, losses = contest.leads()[rival.name], contest.chosen.test_losses
        gain, _, ends = interval(lead).partition(" ")
        of = score_name(record, "validation" if contest.chosen.test_loss is None else "test", losses)
        values["gain"] = f"{gain} {of}", f"over `{rival.name}`, 95 % interval {ends}"
        charts["gain"] = Bars("", "", [Bar("gain", lead.mean, lead.low, lead.high)])
    if result.flops_per_row:
        sizes = f"{result.flops_per_row:,} FLOPs per row", f"{result.parameters:,} parameters"
        values["cost"] = (f"{percent(share)} of mmoe", ", ".join(sizes)) if share else sizes
        charts |= {"cost": Bars("", "", [Bar("% of mmoe", 100 * share)], ".0f", (0, 100))} if share else {}
    if importance:
        matter, without = that_matter(importance), without_effect(importance)
        unclear = len(importance.effects) - len(matter) - len(without)
        read = next((note.text.partition(":")[0] for note in sharing.notes(record)), "")
        note = (
            f"{len(without)} without effect{f', {unclear} unclear' * bool(unclear)}{f'. {read}' * bool(read)}"
        )
        values["fields"] = f"{len(matter)} of {len(importance.effects)} matter", note
    values["next"] = "", " ".join(f"`{command}`" for command in _next(record))
    yield Section("", [*texts, *map(Text, [*record.unread, *record.remarks]), Figures(values, charts)])


def intervals(record: RunRecord) -> Iterator[Section]:
    """Yield a chart of the test score of each task, beside that of the best simple model; of numbers, R2."""
    contest, bars = contested(record), dict[str, list[Bar]]()
    rival = contest.rival if contest else None
    name = contest.chosen.name + record.trained_again if contest and rival else ""
    for task, m in (record.result.test or {}).items():
        known = m.score is not None and m.interval is not None
        title, score = (m.type.score.title, m.score) if known else (m.type.measure, m.evidence)
        if score is not None:
            low, high = m.interval or (None, None)
            bars.setdefault(title, []).append(Bar(task, score, low, high, name))
        if rival and title == m.type.measure and task in rival.test_losses:
            bars[title].append(Bar(task, 1 - rival.test_losses[task], of=rival.name))
    yield Section("", [Bars(f"Test {t}", "", some, ".4f", (), name) for t, some in bars.items()])


def steps(record: RunRecord) -> Iterator[Section]:
    """Yield the reasons for the result, the folder of the run, and what to do next."""
    result, seconds = record.result, sum(record.read(Costs).seconds.values())
    sizes = {"FLOPs per row": result.flops_per_row, "parameters": result.parameters}
    took = [*(f"{size:,} {label}" for label, size in sizes.items() if size), elapsed(seconds)]
    commands = next_commands([f"automtl report {shlex.quote(str(record.path))}", _next(record)[0]])
    yield lines(*reasons(record), ", ".join([*took, f"saved in {record.path}"]), *commands)


def _next(record: RunRecord) -> list[str]:
    """Return the commands to run after a report: no export without a gain over simple models."""
    run, contest = shlex.quote(str(record.path)), contested(record)
    if record.in_vain:
        return [f"automtl data describe {shlex.quote(str(record.path / 'config.yaml'))}"]
    simple = {name: contest.leads()[name].standing() for name in contest.simple} if contest else {}
    tied = [name for name, standing in simple.items() if standing != "ahead"]
    models = ",".join([*(tied or [*simple][:1] or ["mmoe"]), run])
    compare = [f"automtl compare --models {models}"] * bool(record.search.front)
    return compare + [f"automtl export {run}"] * (not tied)
