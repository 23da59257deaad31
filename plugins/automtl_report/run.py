"""The sections of a run, as functions of its record, and the choice of them by a command or a report."""

import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace

from automtl_core.dataset.schema import Schema, SparseField
from automtl_core.errors import listing, one_line
from automtl_core.modules.cost import Cost
from automtl_core.modules.sharing import WHOLE
from automtl_core.registry.kinds import REPORT_SECTIONS
from automtl_core.registry.registry import Registry
from automtl_core.run_dir.facts import Costs, Data, EncodingSearch, Environment
from automtl_core.run_dir.run import Run
from automtl_inspection.sections import Grid, Preformatted, Section, Text, facts, lines
from automtl_report import contest, measured, search, sharing, verdict
from automtl_report.card import limits, tasks
from automtl_report.plain import cell, markdown
from automtl_report.record import RunRecord
from automtl_report.sharing import networks

COSTS = ["FLOPs per row", "parameters"]


def show(record: RunRecord, all_evidence: bool = False, all_fields: bool = False) -> Iterator[Section]:
    """Yield everything about an architecture that a terminal shows.

    Args:
        record: The run, or the file of an architecture.
        all_evidence: Whether the evidence for each decision is printed.
        all_fields: Whether the effect of each field is printed.

    """
    yield from chosen(record, "show")
    for option, asked in {"fields": all_fields, "evidence": all_evidence}.items():
        section, _ = SECTIONS[option]
        if details := [block for one in section(record) for block in one.more]:
            hint = f"Details of {option}: automtl show {shlex.quote(str(record.path))} --{option}"
            yield Section(f"details of {option}", details) if asked else lines(hint)
        elif asked and option == "fields":
            yield lines("Effects of fields are not known: no permutation importance (importance.rows)")


def outcome(record: RunRecord) -> Iterator[Section]:
    """Yield a summary of a finished run, the reasons for it, and the next commands."""
    yield from chosen(record, "end")


def chosen(record: RunRecord, face: str) -> Iterator[Section]:
    """Yield the sections of `SECTIONS` that a face shows."""
    for section, faces in SECTIONS.values():
        if face in faces:
            yield from section(record)


def card(record: RunRecord) -> str:
    """Return the model card of a finished run as Markdown.

    Raises:
        ArtifactError: the run is not tested yet.

    """
    title = f"{record.path.resolve().name}: {', '.join(Run.open(record.path).tested())}"
    return markdown(title, chosen(record, "card"))


def report(record: RunRecord, registry: Registry) -> Iterator[Section]:
    """Yield the sections of a report, those of plugins last."""
    first = list(chosen(record, "first"))
    yield from (replace(section, title="", more=()) for section in first)
    yield from chosen(record, "page")
    yield from (Section(section.title, section.more, folded=True) for section in first if section.more)
    yield from (replace(section, folded=True) for section in chosen(record, "folded"))
    yield from of_plugins(record, registry)


def of_plugins(record: RunRecord, registry: Registry) -> Iterator[Section]:
    """Yield the sections of plugins; one that fails is replaced by a note, so that the others are shown."""
    for name in registry.names(REPORT_SECTIONS):
        try:
            yield from list(registry.get(REPORT_SECTIONS, name)(record))
        except Exception as error:
            yield Section(name, [Text(f"warning: this section of a plugin failed: {one_line(error)}")])


def decisions(record: RunRecord) -> Iterator[Section]:
    """Yield a table of all decisions of a network, with their costs and their sum where these are known."""
    decided, price = record.architecture.decisions, record.price
    if not decided:
        return
    rows: list[list[object]] = []
    for name in sorted(decided, key=sharing.natural):
        cost = price.answers[name] if price else None
        cells = [] if cost is None else ["", ""] if cost == Cost(0, 0, 0) else numbers(cost)
        rows.append([name, cell(decided[name]) or "none", *cells])
    if price:
        rows.append(["all", "", *numbers(price.network)])
    head = ["choice", "decision", *(COSTS if price else [])]
    yield Section("all decisions", [Grid(head, rows, "llr", folded="all decisions")])


def numbers(cost: Cost) -> list[object]:
    """Return the cells of the columns `COSTS`."""
    return [cost.flops_per_row, cost.parameters]


def architecture(record: RunRecord) -> Iterator[Section]:
    """Yield notes on inputs and on settings that the search chose."""
    origin, searched, texts = record.architecture.origin, record.get(EncodingSearch), list[str]()
    if searched:
        texts += [search.encoding(searched.encoding_search), *search.apart(searched.encoding_search)]
    if record.members:
        models = listing(f"{member} is {model}" for member, model in record.members.items())
        texts.append(f"The prediction is the mean of the outputs of {len(record.members)} models: {models}")
    if origin and record.unasked:
        texts.append(f"note: unread fields are unknown without the search space: {record.unasked}")
    kind = "search space" if record.architecture.decisions and not record.members else "model"
    title = f"architecture ({kind} {origin.space})" if origin else "architecture"
    notes = [*map(Text, texts), *sharing.notes(record), *search.overrides(record)]
    yield Section(title, notes)


def drawing(record: RunRecord) -> Iterator[Section]:
    """Yield the drawing of the network, or of the first member with known parts; then those of the others."""
    drawings = list(networks(record))
    with_parts = [one for one in drawings if all(node.name != WHOLE for node in one.nodes)] or drawings
    yield Section("other networks", with_parts[:1], more=with_parts[1:])


def readers(record: RunRecord) -> Iterator[Section]:
    """Yield matrices of fields by experts and of experts by tasks."""
    for names, network in _distinct(record):
        title = f"inputs and readers{names and f' of {names}'}"
        blocks = sharing.matrices(network.sharing)
        yield from (Section("" if place else title, [block]) for place, block in enumerate(blocks))


def data(record: RunRecord) -> Iterator[Section]:
    """Yield the data of the run, and its fields."""
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
    values = [[field.name, _values(field)] for field in schema.sparse]
    numbers = [[number.name, "a number"] for number in schema.dense]
    yield Section("data", [*facts("", about).blocks, Grid(["field", "values"], [*values, *numbers]), *raw])


def _values(field: SparseField) -> str:
    if field.vectors:
        return f"pretrained vectors of {field.size - 1:,} values of {field.vectors.column}"
    held = "any number of values" if field.kind == "bag" else "one value"
    return f"{held}, vocabulary of {field.size - 1:,}"


def configuration(record: RunRecord) -> Iterator[Section]:
    """Yield versions, seed and settings of the run."""
    e, config = record.read(Environment), record.config
    how = f", searched by {config.strategy.name}" if config.strategy else ""
    about = {
        "model": f"{config.space.name}{how}",
        "seed": config.seed,
        "best epoch": record.result.best_epoch,
    }
    about |= {"device": e.device, "threads": e.threads, "automtl": e.automtl}
    about |= {f"{phase}, seconds": round(s) for phase, s in record.read(Costs).seconds.items() if s >= 0.5}
    about |= {"python": e.python, "torch": e.torch, "numpy": e.numpy, **e.plugins, **e.libraries}
    if speed := record.read(Costs).rows_per_second:
        about["training rows per second"] = round(speed)
    settings = Preformatted(config.to_yaml().rstrip())
    yield Section("configuration", facts("", about).blocks, more=[settings])


View = Callable[[RunRecord], Iterable[Section]]
SECTIONS: Mapping[str, tuple[View, tuple[str, ...]]] = {
    "tasks": (tasks, ("card",)),
    "verdict": (verdict.verdict, ("end",)),
    "first": (verdict.first, ("first", "show", "card")),
    "intervals": (verdict.intervals, ("first", "card")),
    "standings": (contest.standings, ("end",)),
    "models": (contest.models, ("show", "page")),
    "summary": (measured.summary, ("end",)),
    "tests": (measured.on_test_rows, ("show", "page", "card")),
    "fields": (measured.fields, ("first", "show", "card")),
    "drawing": (drawing, ("first",)),
    "architecture": (architecture, ("show", "folded")),
    "readers": (readers, ("show", "folded")),
    "evidence": (search.evidence, ("show", "folded", "card")),
    "learning": (measured.learning, ("page",)),
    "calibration": (measured.calibration, ("folded", "card")),
    "decisions": (decisions, ("show", "folded")),
    "expert-use": (measured.expert_use, ("folded",)),
    "encodings": (search.encodings, ("show", "folded")),
    "aggregates": (search.aggregates, ("show", "folded")),
    "drift": (measured.drift, ("folded",)),
    "data": (data, ("folded", "card")),
    "configuration": (configuration, ("folded", "card")),
    "limits": (limits, ("card",)),
    "next": (verdict.steps, ("end",)),
}
"""Name -> function that returns sections, and the faces that show them in this order: the `end` of a command,
`show`, the `first` screen and the rest of a `page`, what it has `folded`, and the `card` of an export."""


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
