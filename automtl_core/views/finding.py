"""The view of the architecture of a run: its decisions, their costs, the sharing and the evidence."""

import shlex
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from automtl_core.dataset.schema import Schema
from automtl_core.modules.cost import Cost
from automtl_core.run_dir.facts import Search
from automtl_core.tasks.kinds import distinct
from automtl_core.training.significance import NORMAL
from automtl_core.views import baselines, encoding, evidence, importance, sharing
from automtl_core.views.metrics import metrics
from automtl_core.views.plain import cell
from automtl_core.views.values import Grid, Section, Text, lines
from automtl_core.workflow.finding import Finding, Price

COSTS = ["FLOPs per row", "parameters"]
NOTHING = Cost(0, 0, 0)


def whole(
    report: Finding,
    price: Price | None,
    path: Path,
    all_evidence: bool = False,
    all_fields: bool = False,
) -> Iterator[Section]:
    """Yield everything about an architecture.

    Args:
        report: The architecture, with the record of its search.
        price: Its cost; None where it is unknown.
        path: The run directory, or the file of the architecture.
        all_evidence: Whether the evidence for each decision is printed.
        all_fields: Whether the effect of each field is printed.

    """
    yield from _trivial(report)
    if report.architecture.members:
        yield Section(_title(report, price), [Text(_ensemble(report))])
    for names, network, cost in _networks(report, price):
        yield decisions(network, cost, names)
        yield from sharing.fields_read(network.sharing)
        yield from sharing.parts_read(network.sharing)
        if names:
            yield Section("", sharing.readers(network.sharing))
    yield _summary(report)
    yield from _copies(report)
    origin, search = report.architecture.origin, report.search
    yield from _overrides(search)
    if origin and report.unasked:
        yield lines(f"note: unread fields are unknown without the search space: {report.unasked}")
    yield from _importance(report, path, all_fields)
    if search.evidence:
        hint = f"Evidence of each decision: automtl show {shlex.quote(str(path))} --evidence"
        more = [] if all_evidence else [Text(hint)]
        yield Section("", [*evidence.sentences(search.evidence, _measure(report)), *more])
        if all_evidence:
            yield evidence.decisions(search.evidence)
    if search.front:
        yield evidence.front(search.front, path)
    yield from _optimism(report)
    if report.encoding_search and report.encoding_search.trials:
        yield encoding.trials(report.encoding_search, _measure(report))
    if (result := report.result) and result.test is not None:
        yield Section(
            "test metrics", list(metrics(result.test, result.reachable or {}, report.min_positives))
        )


def short(report: Finding) -> Iterator[Section]:
    """Yield the fields and parts that each part reads, with a short summary of the evidence."""
    encoding_search, search, measure = report.encoding_search, report.search, _measure(report)
    sentences = [encoding.sentence(encoding_search, measure)] if encoding_search else []
    sentences += [_ensemble(report)] if report.architecture.members else []
    yield from _trivial(report)
    yield Section(_title(report), list(map(Text, sentences)))
    for names, network, _ in _networks(report):
        if names:
            yield Section(names, sharing.readers(network.sharing))
        yield from sharing.fields_read(network.sharing)
    yield from (_summary(report), *_copies(report), *_overrides(search))
    yield Section("", [*evidence.sentences(search.evidence, measure), *evidence.selected(search.front)])
    yield from _optimism(report)


def _trivial(report: Finding) -> Iterator[Section]:
    """Yield a note if the network is no better than trivial predictions, or suspiciously good."""
    if (compared := report.baselines) is None:
        return
    if notes := [
        *baselines.nothing_learned(compared, bool(report.search.front)),
        *baselines.suspected_leaks(compared),
    ]:
        yield Section("", notes)


def _copies(report: Finding) -> Iterator[Section]:
    """Yield the number of copies of a network whose tasks have weights of different epochs."""
    result = report.result
    if result is not None and result.copies > (len(report.architecture.members) or 1):
        flops = f"{result.flops_per_row:,} FLOPs per row in all"
        yield lines(
            f"{result.copies} copies of the network predict, each with the weights of one epoch: {flops}"
        )


def _optimism(report: Finding) -> Iterator[Section]:
    """Yield the difference of the validation score and the test score of a searched network."""
    if (found := report.optimism) is None:
        return
    trained = sum(point.trained for point in report.search.front)
    chose = f" and chose among {trained} trained networks" if trained > 1 else ""
    sentence = (
        f"Validation AUC minus test AUC: {found.difference:+z.4f} ± {NORMAL * found.error:.4f} "
        f"(mean of {found.tasks} task{'s' * (found.tasks > 1)}, 95 % interval). Validation rows stopped the "
        f"training{chose}, so only the test AUC is unbiased"
    )
    yield Section("", [Text(sentence)])


def _overrides(search: Search) -> Iterator[Section]:
    """Yield the settings that a search changed."""
    chosen = [
        f"{part}.{name} {value}" for part, each in search.overrides.items() for name, value in each.items()
    ]
    if chosen:
        yield Section("", [Text(f"Settings that the search chose: {', '.join(chosen)}")])


def decisions(report: Finding, price: Price | None, names: str = "") -> Section:
    """Return a table of all decisions, with their costs where they are known.

    Args:
        report: The architecture of a network.
        price: Its cost.
        names: Names of the members of an ensemble that have this architecture; empty for a single network.

    """
    title, header = names or _title(report, price), ["choice", "decision"]
    choices = sorted(report.architecture.decisions, key=sharing.natural)
    rows: list[list[object]] = [
        [name, cell(report.architecture.decisions[name]) or "none"] for name in choices
    ]
    if price is not None:
        header += COSTS
        for name, row in zip(choices, rows, strict=True):
            row += ["", ""] if price.answers[name] == NOTHING else numbers(price.answers[name])
    return Section(title, [Grid(header, rows, "llr")] if rows else [])


def _networks(report: Finding, price: Price | None = None) -> Iterator[tuple[str, Finding, Price | None]]:
    """Yield a network or the distinct members of an ensemble, with names of members and costs."""
    members = report.architecture.members
    if not members:
        yield "", report, price
    for name, member in members.items():
        equal = [other for other in members if members[other] == member]
        if name == equal[0]:
            network = replace(report, architecture=member, sharing=report.sharing.of_member(name))
            names = ", ".join(equal) + " (the same architecture)" * (len(equal) > 1)
            yield names, network, price and price.of_member(name)


def _ensemble(report: Finding) -> str:
    members = len(report.architecture.members)
    return f"Ensemble of {members} networks: the prediction is the mean of their outputs"


def numbers(cost: Cost) -> list[object]:
    """Return the cells of the columns `COSTS`."""
    return [cost.flops_per_row, cost.parameters]


def _title(report: Finding, price: Price | None = None) -> str:
    origin = report.architecture.origin
    title = f"architecture (search space {origin.space})" if origin else "architecture"
    if price is None:
        return title
    return f"{title}: {price.network.flops_per_row:,} FLOPs per row, {price.network.parameters:,} parameters"


def _measure(report: Finding) -> str:
    """Return the measures of held-out rows: AUC, R2, or both."""
    origin = report.architecture.origin
    kinds = (
        [task.kind for task in Schema.from_json(origin.schema).tasks] if origin else ["binary", "regression"]
    )
    return " or ".join(kind.measure for kind in distinct(kinds))


def _summary(report: Finding) -> Section:
    """Return the readers of parts, unless members of an ensemble have shown them, and what is not read."""
    origin = report.architecture.origin
    fields = Schema.from_json(origin.schema).fields() if origin else []
    what = (report.sharing, report.truth, fields, report.search.evidence)
    return Section("", sharing.notes(*what)) if report.architecture.members else sharing.summary(*what)


def _importance(report: Finding, path: Path, all_fields: bool) -> Iterator[Section]:
    """Yield the strongest fields, and the table of all effects or the way to it."""
    found = report.importance
    if found is None:
        missing = "Effects of fields are not known: there is no permutation importance (importance.rows)"
        yield Section("", [Text(missing)] if all_fields else [])
        return
    hint = f"Effect of each field: automtl show {shlex.quote(str(path))} --fields"
    yield Section("", [*importance.sentences(found), *([] if all_fields else [Text(hint)])])
    if all_fields:
        yield importance.effects(found)
