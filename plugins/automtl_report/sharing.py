"""Views of sharing: what each part of a network reads, as matrices, tables, sentences and a drawing."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping

from automtl_core.modules.sharing import WHOLE, Sharing, group_and_word
from automtl_core.search.evidence import EVERYWHERE, Evidence
from automtl_inspection.behaviour import Behaviour
from automtl_inspection.sections import Block, Drawing, Edge, Kind, Matrix, Node, Text
from automtl_report.drawing import grouped
from automtl_report.numbers import p_value, some
from automtl_report.record import RunRecord
from automtl_report.search import effect


def matrices(sharing: Sharing) -> list[Block]:
    """Return a matrix of the fields that each layer reads, and of the parts that layers and tasks read."""
    names, blocks = _names(sharing), list[Block]()
    for title, parts in _groups(sharing.sees).items():
        marks = {f: [f in sharing.sees[part] for part in parts.values()] for f in sharing.fields}
        shown = {field: row for field, row in marks.items() if any(row)}
        blocks.append(Matrix(title, list(parts), shown))
    for title, parts in reversed(_groups(sharing.reads).items()):
        if read := sorted({name for part in parts.values() for name in sharing.reads[part]}, key=natural):
            marks = {
                names.get(name, name): [name in sharing.reads[part] for part in parts.values()]
                for name in read
            }
            blocks.append(Matrix(title, list(parts), marks))
    return blocks


def natural(name: str) -> list[tuple[int, str]]:
    """Return a key that sorts `expert2` before `expert10`."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", name)]


def notes(record: RunRecord) -> Iterator[Text]:
    """Yield notes on the fields that are read, and on those that are not."""
    sharing, fields = record.sharing, record.schema.fields() if record.schema else []
    if not sharing.fields:
        return
    known = dict.fromkeys(fields or [name for name in sharing.fields if name not in sharing.keys])
    closed = [name for name in sharing.closed() if name in known or name not in sharing.keys]
    count, all_fields = len({*known} - {*closed}), f"all {len(known)} fields"
    read = all_fields if count == len(known) else f"{count} of {len(known)} fields"
    gates = [gate.removeprefix(TASK) for gate in sharing.gates]
    if gates and closed:
        yield Text(f"Serving needs {all_fields}: the gates of {some(gates, 4)} read them")
    who = "Experts read" if gates and closed else "The network reads"
    yield Text(f"{who} {read}" + (f", without {some(closed)}" if closed else ""))
    if closed:
        yield Text("Removed for cost or estimated effect, which is no proof that a field is useless")
    if always := [field for field in fields if field not in sharing.fields]:
        yield Text(f"Fields that are always read: {some(always)}")


def _groups(parts: Iterable[str]) -> dict[str, dict[str, str]]:
    """Group parts by the path before the last `/`: `layer0/expert1` is `expert1` of the group `layer0`."""
    groups: dict[str, dict[str, str]] = {}
    for part in parts:
        group, word = group_and_word(part)
        groups.setdefault(group or part, {})[word] = part
    return groups


def _names(sharing: Sharing) -> dict[str, str]:
    """Return short names of parts: the last path component where it is unique, else the full name."""
    parts = dict.fromkeys([*sharing.sees, *sharing.reads])
    words = [group_and_word(part)[1] for part in parts]
    return {part: word if words.count(word) == 1 else part for part, word in zip(parts, words, strict=True)}


MOST = 40
"""Maximum number of inputs that are drawn one by one; more are grouped by their readers."""
ALL = "all inputs"
"""The input of a network without known parts."""
TASK = "task/"


def networks(record: RunRecord) -> Iterator[Drawing]:
    """Yield the drawing of a network, or of each member of an ensemble."""
    behaviour = record.get(Behaviour)
    use = behaviour.expert_use if behaviour else None
    for name, network in record.networks():
        start = f"{name}/" if name else ""
        known = use.weights if use else {}
        weights = {r.removeprefix(start): known[r] for r in known if r.startswith(start)}
        graph = _graph(network, weights, [] if name else record.search.evidence)
        yield _with_few_inputs(Drawing(f"network of {name}" if name else "network", *graph))


def _with_few_inputs(drawing: Drawing) -> Drawing:
    """Return a drawing with one node for all inputs with the same readers, if there are too many inputs."""
    readers: dict[str, list[str]] = {node.name: [] for node in drawing.nodes if node.kind == "input"}
    for edge in drawing.edges:
        readers.get(edge.source, []).append(edge.target)
    if len(readers) <= MOST:
        return drawing
    return grouped(drawing, lambda node: (node.pruned, *readers[node.name]) if node.name in readers else None)


def _graph(
    network: RunRecord, weights: Mapping[str, Mapping[str, float]], evidence: Iterable[Evidence]
) -> tuple[list[Node], list[Edge]]:
    """Return the nodes and edges of one network."""
    sharing, parts = network.sharing, _parts(network, weights)
    notes: dict[tuple[str, str], tuple[str, ...]] = {}
    for decided in evidence:
        at = decided.choice if decided.choice == EVERYWHERE else _part(decided.choice), decided.option
        notes[at] = *notes.get(at, ()), _sentence(decided)
    ops: dict[str, list[str]] = {}
    for name, op in network.architecture.decisions.items():
        if isinstance(op, str):
            ops.setdefault(part := _part(name), []).append(f"{name.rpartition('/')[2]}: {op}")
            ops[part] += notes.get((part, op), ())
    groups = list(dict.fromkeys(group_and_word(part)[0] for part in parts))
    columns = {part: groups.index(group_and_word(part)[0]) + 1 + bool(sharing.keys) for part in parts}
    nodes, edges = list[Node](), list[Edge]()
    for part, sources in parts.items():
        gate = part in weights and not sharing.reads
        kind: Kind = "task" if part.startswith(TASK) else "gate" if gate else "expert"
        label = part.removeprefix(TASK).rpartition(":/")[2]
        nodes.append(Node(part, label, kind, columns[part], tuple(ops.get(part, ())), sources is None))
        read = {s: s if s in sharing.fields else group_and_word(s)[1] for s in sources or ()}
        edges += [Edge(s, part, (sources or {})[s], notes.get((part, read[s]), ())) for s in read]
        # The experts that the part could read, but that the search closed for it.
        below = {group_and_word(other)[1]: other for other in parts if columns[other] < columns[part]}
        for (where, option), told in notes.items():
            if where == part and option in below and option not in read.values():
                edges.append(Edge(below[option], part, notes=told, pruned=True))
    keys = sharing.keys.keys() & {edge.source for edge in edges}
    edges += [Edge(field, key) for key in sorted(keys) for field in sharing.keys[key]]
    nodes = [*_inputs(network, {edge.source for edge in edges}, notes), *nodes]
    known = {node.name for node in nodes}
    return nodes, [edge for edge in edges if edge.source in known and edge.target in known]


def _part(choice: str) -> str:
    """Return the part that a choice belongs to."""
    return choice.rpartition("/")[0] or WHOLE


Sources = Mapping[str, float | None]
"""What a part reads -> its mean weight in a gate; None where there is no gate."""


def _parts(network: RunRecord, weights: Mapping[str, Mapping[str, float]]) -> dict[str, Sources | None]:
    """Return the parts from left to right, with what each reads; None for one that the search removed."""
    sees, reads, schema = network.sharing.sees, network.sharing.reads, network.schema
    tasks = [f"{TASK}{task.name}" for task in schema.tasks] if schema else []
    if not reads:
        return _of_gates(weights) or {WHOLE: {ALL: None}, **{task: {WHOLE: None} for task in tasks}}
    names = {*map(_part, network.architecture.decisions), *sees, *reads}
    if WHOLE not in sees:
        names.discard(WHOLE)
    order = [*tasks, *sorted(names.difference(tasks), key=natural)]
    parts: dict[str, Sources | None] = {}
    for part in sorted(names, key=lambda part: (part.startswith(TASK), order.index(part))):
        whole = [WHOLE] if part.startswith(TASK) and WHOLE in sees else []
        of_others = {o: weights.get(part, {}).get(group_and_word(o)[1]) for o in reads.get(part, ())}
        known = part in sees or part in reads
        parts[part] = dict.fromkeys([*sees.get(part, ()), *whole]) | of_others if known else None
    return parts


def _of_gates(weights: Mapping[str, Mapping[str, float]]) -> dict[str, Sources | None]:
    """Return the parts of a network without choices, from the gates that were observed."""
    parts, gates = dict[str, Sources | None](), dict[str, str]()
    groups = {group_and_word(reader)[0] for reader in weights}
    for group in sorted(groups, key=lambda group: (f"{group}/" == TASK, natural(group))):
        own = {reader: of for reader, of in weights.items() if group_and_word(reader)[0] == group}
        for expert in (name for of_reader in own.values() for name in of_reader):
            # The experts of a task in a higher level read the gate of the task below.
            parts[f"{group}:/{expert}"] = {gates.get(expert.rpartition("-expert")[0], ALL): None}
        for reader, of_reader in own.items():
            parts[reader] = {f"{group}:/{expert}": weight for expert, weight in of_reader.items()}
        gates = {group_and_word(reader)[1]: reader for reader in own}
    return parts


def _inputs(
    network: RunRecord, read: Collection[str], notes: Mapping[tuple[str, str], tuple[str, ...]]
) -> Iterator[Node]:
    schema, sharing = network.schema, network.sharing
    known = (*schema.fields(), *schema.history_inputs()) if schema else ()
    names = list(dict.fromkeys([*known, *sharing.fields]))
    if ALL in read:
        yield Node(ALL, ALL, "input", 0, (f"{len(names)}: {', '.join(names)}",))
        return
    closed = {*sharing.fields}.difference(read, *sharing.keys.values())
    for name in names:
        if name in read or name in closed:
            label = f"mean of {' x '.join(key)}" if (key := sharing.keys.get(name)) else name
            told = notes.get((EVERYWHERE, name), ())
            yield Node(name, label, "input", int(name in sharing.keys), told, name in closed)


def _sentence(decided: Evidence) -> str:
    """Return a decision with its evidence in one sentence."""
    against = f" against {decided.against}" if decided.against else ""
    known = "" if decided.difference is None else f", effect on held-out loss {effect(decided)}"
    p = "" if decided.p is None else f", p {p_value(decided.p)}"
    return f"{decided.option} {decided.action}{against}: {decided.verdict}{known}{p}"
