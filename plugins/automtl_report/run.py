"""The sections of a run, as functions of its record, and the choice of them by a command or a report."""

import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace

from automtl_core.dataset.schema import Schema, SparseField
from automtl_core.errors import listing, one_line
from automtl_core.modules.cost import Cost
from automtl_core.registry.kinds import REPORT_SECTIONS
from automtl_core.registry.registry import Registry
from automtl_core.run_dir.facts import Costs, Data, EncodingSearch, Environment
from automtl_core.views import Grid, Preformatted, Section, Text, facts, lines, next_commands
from automtl_inspection.importance import Importance
from automtl_report import contest, measured, search, sharing, verdict
from automtl_report.plain import cell
from automtl_report.record import RunRecord
from automtl_report.sharing import BODY, networks

COSTS = ["FLOPs per row", "parameters"]


def show(record: RunRecord, all_evidence: bool = False, all_fields: bool = False) -> Iterator[Section]:
    """Yield everything about an architecture that a terminal shows.

    Args:
        record: The run, or the file of an architecture.
        all_evidence: Whether the evidence for each decision is printed.
        all_fields: Whether the effect of each field is printed.

    """
    path, importance = shlex.quote(str(record.path)), record.get(Importance)
    yield Section("", measured.notes(record))
    if record.members:
        yield Section(_title(record, priced=True), [Text(_ensemble(record))])
    for names, network in _distinct(record):
        grid = decisions(network)
        yield Section(names or _title(record, priced=True), [grid] if grid.rows else [])
        yield from (Section("", [block]) for block in sharing.matrices(network.sharing))
    yield _summary(record)
    if record.architecture.origin and record.unasked:
        yield lines(f"note: unread fields are unknown without the search space: {record.unasked}")
    if importance is not None:
        hint = [] if all_fields else [Text(f"Effect of each field: automtl show {path} --fields")]
        yield Section("", [*measured.strongest(record), *hint])
    if all_fields:
        missing = "Effects of fields are not known: there is no permutation importance (importance.rows)"
        yield measured.effects(importance) if importance else lines(missing)
    if evidence := record.search.evidence:
        hint = [] if all_evidence else [Text(f"Evidence of each decision: automtl show {path} --evidence")]
        yield Section("", [*search.evidence(record), *hint])
        yield Section("", search.decisions(evidence) if all_evidence else [])
    yield Section("", list(contest.rank(record)))
    yield from contest.models(record)
    yield Section("", list(contest.cheaper(record)))
    yield Section("", list(search.optimism(record)))
    yield from search.encodings(record)
    yield from search.aggregates(record)
    yield from measured.refreshes(record)
    if tested := measured.tested(record):
        yield Section("test metrics", tested)


def outcome(record: RunRecord) -> Iterator[Section]:
    """Yield a summary of a finished run, the reasons for it, and the next commands."""
    searched = record.get(EncodingSearch)
    found = searched and searched.encoding_search
    sentences = [search.encoding(found), *search.apart(found)] if found else []
    sentences += [_ensemble(record)] if record.members else []
    yield Section("", verdict.summary(record))
    yield from contest.models(record, whole=False)
    if tested := measured.tested(record):
        yield Section("test metrics", [*tested, *search.optimism(record)])
    yield Section("", measured.strongest(record))
    yield Section(_title(record), list(map(Text, sentences)))
    for names, network in _distinct(record):
        blocks = sharing.matrices(network.sharing, unread=False)
        yield from (Section("" if place else names, [block]) for place, block in enumerate(blocks))
    yield _summary(record)
    yield Section("", search.evidence(record))
    yield Section("", [*contest.cheaper(record), *map(Text, record.remarks)])
    run = shlex.quote(str(record.path))
    yield lines(f"run: {record.path}", *next_commands([f"automtl report {run}", f"automtl show {run}"]))


def report(record: RunRecord, registry: Registry) -> Iterator[Section]:
    """Yield the sections of a report, those of plugins last."""
    for name, section in SECTIONS.items():
        yield from (replace(one, folded=name in DETAILS) for one in section(record))
    yield from of_plugins(record, registry)


def of_plugins(record: RunRecord, registry: Registry) -> Iterator[Section]:
    """Yield the sections of plugins; one that fails is replaced by a note, so that the others are shown."""
    for name in registry.names(REPORT_SECTIONS):
        try:
            yield from list(registry.get(REPORT_SECTIONS, name)(record))
        except Exception as error:
            yield Section(name, [Text(f"warning: this section of a plugin failed: {one_line(error)}")])


def decisions(record: RunRecord) -> Grid:
    """Return a table of all decisions of a network, with their costs where they are known."""
    decided, price = record.architecture.decisions, record.price
    rows: list[list[object]] = []
    for name in sorted(decided, key=sharing.natural):
        cost = price.answers[name] if price else None
        cells = [] if cost is None else ["", ""] if cost == Cost(0, 0, 0) else numbers(cost)
        rows.append([name, cell(decided[name]) or "none", *cells])
    return Grid(["choice", "decision", *(COSTS if price else [])], rows, "llr", folded="all decisions")


def numbers(cost: Cost) -> list[object]:
    """Return the cells of the columns `COSTS`."""
    return [cost.flops_per_row, cost.parameters]


def architecture(record: RunRecord) -> Iterator[Section]:
    """Yield the drawing of the network, and the fields that it does not read."""
    drawings = list(networks(record))
    with_parts = [one for one in drawings if all(node.name != BODY for node in one.nodes)]
    hints = list[Text]()
    if record.architecture.decisions:
        hints.append(Text("Hover over a part or a line: decisions and their evidence"))
    if any(edge.weight is not None for one in with_parts for edge in one.edges):
        hints.append(Text("Width of a line from an expert: mean weight in the gate of its reader"))
    yield Section("architecture", [*(with_parts or drawings), *hints, *sharing.notes(record)])


def readers(record: RunRecord) -> Iterator[Section]:
    """Yield matrices of fields by experts and of experts by tasks."""
    if blocks := sharing.matrices(record.sharing):
        yield Section("inputs and readers", blocks)


def evidence(record: RunRecord) -> Iterator[Section]:
    """Yield the number of decisions for each verdict, and the evidence of each."""
    if decided := record.search.evidence:
        yield Section("evidence", [*search.evidence(record), *search.decisions(decided)])


def tables(record: RunRecord) -> Iterator[Section]:
    """Yield the table of all decisions."""
    if (grid := decisions(record)).rows:
        yield Section("all decisions", [grid])


def data(record: RunRecord, fields: bool = True) -> Iterator[Section]:
    """Yield the data of the run, with its fields or without."""
    described = record.read(Data)
    schema = record.schema or Schema.from_json(described.schema)
    about = {
        "dataset": f"{described.dataset}, version {described.version}",
        "fingerprint": described.fingerprint,
        "categorical fields": len(schema.sparse),
        "numeric fields": len(schema.dense),
        "histories": ", ".join(history.name for history in schema.histories) or "none",
        **({"inputs from histories": ", ".join(read)} if (read := schema.history_inputs()) else {}),
        **{f"{part} rows": count for part, count in described.rows.items()},
    }
    files = [[name, f["bytes"], f["sha256"]] for name, f in sorted(described.raw.items())]
    raw = [Grid(["raw file", "bytes", "SHA-256"], files, "lrl")] if files else []
    columns = [inputs(schema)] if fields else []
    yield Section("data", [*facts("", about).blocks, *columns, *raw])


def inputs(schema: Schema) -> Grid:
    """Return a table of all fields with their values."""
    rows = [[field.name, _values(field)] for field in schema.sparse]
    return Grid(["field", "values"], [*rows, *([number.name, "a number"] for number in schema.dense)])


def _values(field: SparseField) -> str:
    if field.vectors:
        return f"pretrained vectors of {field.size - 1:,} values of {field.vectors.column}"
    held = "any number of values" if field.kind == "bag" else "one value"
    return f"{held}, vocabulary of {field.size - 1:,}"


def configuration(record: RunRecord) -> Iterator[Section]:
    """Yield versions, seed and settings of the run."""
    e, config = record.read(Environment), record.config
    about = {"seed": config.seed, "device": e.device, "threads": e.threads, "automtl": e.automtl}
    about |= {"python": e.python, "torch": e.torch, "numpy": e.numpy, **e.plugins, **e.libraries}
    if speed := record.read(Costs).rows_per_second:
        about["training rows per second"] = round(speed)
    settings = Preformatted(config.to_yaml().rstrip())
    yield Section("configuration", [*facts("", about).blocks, settings])


View = Callable[[RunRecord], Iterable[Section]]
DETAILS: Mapping[str, View] = {
    "tables": tables,
    "readers": readers,
    "expert-use": measured.expert_use,
    "encodings": search.encodings,
    "aggregates": search.aggregates,
    "refresh": measured.refreshes,
    "drift": measured.drift,
    "data": data,
    "configuration": configuration,
}
"""The sections that a page shows on demand."""
SECTIONS: Mapping[str, View] = {
    "verdict": verdict.verdict,
    "models": contest.models,
    "tests": measured.on_test_rows,
    "architecture": architecture,
    "evidence": evidence,
    "fields": measured.fields,
    "learning": measured.learning,
    "calibration": measured.calibration,
    **DETAILS,
}
"""Name -> function that returns the sections, in the order of the report: verdict, reasons, details."""


def _distinct(record: RunRecord) -> Iterator[tuple[str, RunRecord]]:
    """Yield a network, or the members of an ensemble with decisions; equal ones once, with their names."""
    networks = dict(record.networks())
    forms = {
        k: (record.members.get(k), r.space and r.space.settings, r.architecture) for k, r in networks.items()
    }
    for name, network in networks.items():
        equal = [other for other, form in forms.items() if form == forms[name]]
        if name == equal[0] and (not name or network.architecture.decisions):
            yield ", ".join(equal) + " (the same architecture)" * (len(equal) > 1), network


def _ensemble(record: RunRecord) -> str:
    models = listing(f"{member} is {model}" for member, model in record.members.items())
    return f"The prediction is the mean of the outputs of {len(record.members)} models: {models}"


def _title(record: RunRecord, priced: bool = False) -> str:
    origin, price = record.architecture.origin, record.price if priced else None
    title = f"architecture (search space {origin.space})" if origin else "architecture"
    if origin and (record.members or not record.architecture.decisions):
        title = f"model {origin.space}"
    if price is None or not price.network.flops_per_row:  # which trees do not have
        return title
    return f"{title}: {price.network.flops_per_row:,} FLOPs per row, {price.network.parameters:,} parameters"


def _summary(record: RunRecord) -> Section:
    """Return what is not read, and other notes."""
    return Section("", [*sharing.notes(record), *search.overrides(record)])
