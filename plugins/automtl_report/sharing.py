"""Views of sharing: what each part of a network reads, as matrices, tables, sentences and a drawing."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from automtl_core.modules.sharing import WHOLE, Sharing, group_and_word
from automtl_core.search.evidence import EVERYWHERE, Evidence
from automtl_core.views import Block, Drawing, Edge, Kind, Matrix, Node, Text
from automtl_inspection.behaviour import Behaviour
from automtl_report.drawing import grouped
from automtl_report.numbers import p_value, some
from automtl_report.record import RunRecord
from automtl_report.search import effect


def matrices(sharing: Sharing, unread: bool = True) -> list[Block]:
    """Return a matrix of the fields that each layer reads, and of the parts that layers and tasks read.

    Args:
        sharing: What the parts of the network read.
        unread: Whether there is a row for a field that no part of the layer reads.

    """
    names, blocks = _names(sharing), list[Block]()
    for title, parts in _groups(sharing.sees).items():
        marks = {f: [f in sharing.sees[part] for part in parts.values()] for f in sharing.fields}
        shown = {field: row for field, row in marks.items() if unread or any(row)}
        blocks.append(Matrix(title, list(parts), shown))
    for title, parts in reversed(_groups(sharing.reads).items()):
        if read := sorted({name for part in parts.values() for name in sharing.reads[part]}, key=natural):
            marks = {
                names.get(name, name): [name in sharing.reads[part] for part in parts.values()]
                for name in read
            }
            blocks.append(Matrix(title, list(parts), marks))
    return blocks


def notes(record: RunRecord) -> list[Block]:
    """Return notes on what is not read, and on the known truth."""
    sharing, fields = record.sharing, record.fields
    blocks = list(_unread(sharing, fields))
    truth = record.truth
    if truth is not None and sharing.fields:
        missed = "; ".join(f"{task} misses {', '.join(fields)}" for task, fields in truth.missed.items())
        for what, fault in (
            ("experts leave out all noise fields", truth.seen and f"read: {', '.join(truth.seen)}"),
            ("every task reads all fields that affect it", missed),
        ):
            blocks.append(Text(f"Known truth: {what}: {f'no ({fault})' if fault else 'yes'}"))
    return blocks


def natural(name: str) -> list[tuple[int, str]]:
    """Return a key that sorts `expert2` before `expert10`."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", name)]


def _unread(sharing: Sharing, fields: Sequence[str]) -> Iterator[Block]:
    """Yield the fields that are read and not read."""
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
        yield Text(
            "A removal is a decision about cost and estimated effect, and no proof that a field is useless"
        )
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
ALL, BODY = "all inputs", "network"
"""The nodes of a network without known parts."""
TASK = "task/"


def networks(record: RunRecord) -> Iterator[Drawing]:
    """Yield the drawing of a network, or of each member of an ensemble."""
    behaviour = record.get(Behaviour)
    use = behaviour.expert_use if behaviour else None
    origin = record.architecture.origin
    title = "architecture" if origin is None else f"architecture in the search space {origin.space}"
    for name, network in record.networks():
        start = f"{name}/" if name else ""
        known = use.weights if use else {}
        weights = {r.removeprefix(start): known[r] for r in known if r.startswith(start)}
        graph = _Graph(network, weights, [] if name else record.search.evidence)
        yield _with_few_inputs(Drawing(f"{name}: {title}" if name else title, *graph.drawn()))


def _with_few_inputs(drawing: Drawing) -> Drawing:
    """Return a drawing with one node for all inputs with the same readers, if there are too many inputs."""
    readers: dict[str, list[str]] = {node.name: [] for node in drawing.nodes if node.kind == "input"}
    for edge in drawing.edges:
        readers.get(edge.source, []).append(edge.target)
    if len(readers) <= MOST:
        return drawing
    return grouped(drawing, lambda node: (node.pruned, *readers[node.name]) if node.name in readers else None)


class _Graph:
    """The graph of one network."""

    def __init__(
        self, network: RunRecord, weights: Mapping[str, Mapping[str, float]], evidence: Iterable[Evidence]
    ) -> None:
        self.decisions, self.sharing, self.weights = network.architecture.decisions, network.sharing, weights
        schema = network.schema
        self.tasks = [] if schema is None else [task.name for task in schema.tasks]
        known = () if schema is None else (*schema.fields(), *schema.history_inputs())
        self.inputs = list(dict.fromkeys([*known, *self.sharing.fields]))
        self.evidence: dict[tuple[str, str], list[str]] = {}
        for decided in evidence:
            part = decided.choice.rpartition("/")[0] or WHOLE
            where = EVERYWHERE if decided.choice == EVERYWHERE else part
            self.evidence.setdefault((where, decided.option), []).append(_sentence(decided))

    def drawn(self) -> tuple[list[Node], list[Edge]]:
        """Return the nodes and edges."""
        nodes, edges = self._searched() if self.sharing.reads else self._of_gates()
        nodes = [*self._inputs(edges), *nodes]
        known = {node.name for node in nodes}
        return nodes, [edge for edge in edges if edge.source in known and edge.target in known]

    def _searched(self) -> tuple[list[Node], list[Edge]]:
        """Return the parts of a network whose experts and inputs were searched."""
        sees, reads = self.sharing.sees, self.sharing.reads
        layers = self._layers()
        nodes, edges = [], []
        for part, column in layers.items():
            pruned = part not in sees and part not in reads
            kind: Kind = "task" if part.startswith(TASK) else "expert"
            name = part.removeprefix(TASK)
            nodes.append(Node(part, name, kind, column, tuple(self._ops(part)), pruned))
            edges += [Edge(field, part, notes=self._notes(part, field)) for field in sees.get(part, ())]
            for other in reads.get(part, ()):
                word = group_and_word(other)[1]
                weight = self.weights.get(part, {}).get(word)
                edges.append(Edge(other, part, weight, self._notes(part, word)))
            if part == WHOLE:
                edges += [Edge(part, task) for task in layers if task.startswith(TASK)]
            edges += self._closed(part, layers)
        return nodes, edges

    def _closed(self, part: str, layers: Mapping[str, int]) -> Iterator[Edge]:
        """Yield the experts that a part could read, but that the search closed for it."""
        lower = layers[part] - 1
        below = {group_and_word(name)[1]: name for name, column in layers.items() if column == lower}
        read = {group_and_word(name)[1] for name in self.sharing.reads.get(part, ())}
        for (where, option), notes in self.evidence.items():
            if where == part and option in below and option not in read:
                yield Edge(below[option], part, notes=tuple(notes), pruned=True)

    def _layers(self) -> dict[str, int]:
        """Return the column of each part; inputs have column 0."""
        parts = dict.fromkeys(name.rpartition("/")[0] or WHOLE for name in self.decisions)
        parts |= dict.fromkeys([*self.sharing.sees, *self.sharing.reads])
        if WHOLE in parts and WHOLE not in self.sharing.sees:
            del parts[WHOLE]
        groups = {group_and_word(part)[0] for part in parts if not part.startswith(TASK)} - {""}
        columns = {group: place for place, group in enumerate(sorted(groups, key=natural), start=1)}
        last = len(columns) + 1
        order = sorted((part for part in parts if not part.startswith(TASK)), key=natural)
        placed = {part: columns.get(group_and_word(part)[0], 1) for part in order}
        tasks = [f"{TASK}{task}" for task in self.tasks if f"{TASK}{task}" in parts]
        others = [part for part in parts if part.startswith(TASK) and part not in tasks]
        return {**placed, **dict.fromkeys([*tasks, *others], last)}

    def _of_gates(self) -> tuple[list[Node], list[Edge]]:
        """Return the parts of a network without choices, from the gates that were observed."""
        if not self.weights:
            tasks = [Node(f"{TASK}{task}", task, "task", 2) for task in self.tasks]
            body = Node(BODY, BODY, "expert", 1)
            return [body, *tasks], [Edge(ALL, body.name), *(Edge(body.name, task.name) for task in tasks)]
        groups = list(dict.fromkeys(group_and_word(reader)[0] for reader in self.weights))
        groups.sort(key=lambda group: (f"{group}/" == TASK, natural(group)))
        nodes: dict[str, Node] = {}
        edges: list[Edge] = []
        gates: dict[str, str] = {}
        for place, group in enumerate(groups):
            column, last = 2 * place + 1, f"{group}/" == TASK
            below, gates = gates, {}
            for reader, weights in self.weights.items():
                of_reader, word = group_and_word(reader)
                if of_reader != group:
                    continue
                gates[word] = reader
                nodes[reader] = Node(reader, word if last else reader, "task" if last else "gate", column + 1)
                for expert, weight in weights.items():
                    name = f"{group}:{expert}"
                    if name not in nodes:
                        nodes[name] = Node(name, expert, "expert", column)
                        # The experts of a task in a higher level read the gate of the task below.
                        owner = expert.rpartition("-expert")[0]
                        edges.append(Edge(below.get(owner, ALL), name))
                    edges.append(Edge(name, reader, weight))
        return list(nodes.values()), edges

    def _inputs(self, edges: Sequence[Edge]) -> Iterator[Node]:
        if any(edge.source == ALL for edge in edges):
            listed = (f"{len(self.inputs)}: {', '.join(self.inputs)}",)
            yield Node(ALL, ALL, "input", 0, listed)
            return
        read = {edge.source for edge in edges}
        of_keys = {field for key in self.sharing.keys.values() for field in key}
        for name in self.inputs:
            notes = tuple(self.evidence.get((EVERYWHERE, name), ()))
            closed = name in self.sharing.fields and name not in read and name not in of_keys
            if name in read or closed:
                yield Node(name, name, "input", 0, notes, closed)

    def _ops(self, part: str) -> Iterator[str]:
        """Yield the decisions of a part that are no sets of inputs."""
        for name, decision in self.decisions.items():
            if (name.rpartition("/")[0] or WHOLE) == part and isinstance(decision, str):
                yield f"{name.rpartition('/')[2]}: {decision}"
                yield from self.evidence.get((part, decision), ())

    def _notes(self, part: str, option: str) -> tuple[str, ...]:
        return tuple(self.evidence.get((part, option), ()))


def _sentence(decided: Evidence) -> str:
    """Return a decision with its evidence in one sentence."""
    against = f" against {decided.against}" if decided.against else ""
    known = "" if decided.difference is None else f", effect on held-out loss {effect(decided)}"
    p = "" if decided.p is None else f", p {p_value(decided.p)}"
    return f"{decided.option} {decided.action}{against}: {decided.verdict}{known}{p}"
