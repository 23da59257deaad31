"""Views of sharing: the fields and parts that each part of a network reads."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from automtl_core.modules.sharing import WHOLE, Sharing, group_and_word
from automtl_core.search.evidence import Evidence
from automtl_core.views.search import removals
from automtl_core.views.values import Block, Grid, Matrix, Text
from automtl_core.workflow.record import RunRecord

NO_PROOF = " (a decision about cost and estimated effect, and no proof that a field is useless)"
REMOVAL = (
    "Effect of the removal on held-out loss (mean over tasks of 1 - AUC or 1 - R2), with 95 % interval, not "
    "corrected for the number of decisions"
)


def matrices(sharing: Sharing) -> list[Block]:
    """Return a matrix of the fields that each layer reads, and of the parts that layers and tasks read."""
    names, blocks = _names(sharing), list[Block]()
    for title, parts in _groups(sharing.sees).items():
        blocks.append(_matrix(title, parts, sharing.sees, {field: field for field in sharing.fields}))
    for title, parts in reversed(_groups(sharing.reads).items()):
        if read := sorted({name for part in parts.values() for name in sharing.reads[part]}, key=natural):
            labels = {name: names.get(name, name) for name in read}
            blocks.append(_matrix(title, parts, sharing.reads, labels))
    return blocks


def readers(sharing: Sharing) -> list[Block]:
    """Return a table with the readers and inputs of each part; empty for a network without parts."""
    names, rows = _names(sharing), []
    above = [part for group in reversed(_groups(sharing.reads).values()) for part in group.values()]
    for part in dict.fromkeys([*sharing.sees, *above]):
        read_by = sharing.readers(part)
        if read_by or part in sharing.sees:
            fields = [_fields(sharing, part)] if part in sharing.sees else []
            parts = _listed(sharing.reads.get(part, ()), sharing, names)
            rows.append([names[part], _listed(read_by, sharing, names) or "-", fields + parts])
    return [Grid(["", "read by", "reads"], rows)] if rows else []


def notes(record: RunRecord) -> list[Block]:
    """Return notes on what is not read, with the effects of removals, and on the known truth."""
    sharing, fields = record.sharing, record.fields
    sentences = [*_unread(sharing, fields, record.search.evidence), *_without_experts(sharing, fields)]
    truth = record.truth
    if truth is not None and sharing.fields:
        missed = "; ".join(f"{task} misses {', '.join(fields)}" for task, fields in truth.missed.items())
        for what, fault in (
            ("experts leave out all noise fields", truth.seen and f"read: {', '.join(truth.seen)}"),
            ("every task reads all fields that affect it", missed),
        ):
            sentences.append(f"Known truth: {what}: {f'no ({fault})' if fault else 'yes'}")
    return list(map(Text, sentences))


def natural(name: str) -> list[tuple[int, str]]:
    """Return a key that sorts `expert2` before `expert10`."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", name)]


def _unread(sharing: Sharing, fields: Sequence[str], evidence: Sequence[Evidence]) -> Iterator[str]:
    """Yield the fields that are read and not read, with the effects of their removal."""
    if not sharing.fields:
        return
    closed = sharing.closed()
    known = dict.fromkeys(fields or [name for name in sharing.fields if name not in sharing.pairs])
    count, all_fields = len({*known} - {*closed}), f"all {len(known)} fields"
    read = all_fields if count == len(known) else f"{count} of {len(known)} fields"
    without = f", without {', '.join(closed)}{NO_PROOF}" if closed else ""
    if sharing.gates and closed:
        yield f"Serving needs {all_fields}: the gates of {', '.join(sharing.gates)} read them"
        yield f"Experts read {read}{without}"
    else:
        yield f"The network reads {read}{without}"
    removed = removals(evidence)
    if effects := [f"{field} {removed[field]}" for field in closed if field in removed]:
        yield f"{REMOVAL}: {', '.join(effects)}"
    if always := [field for field in fields if field not in sharing.fields]:
        yield f"Fields that are always read: {', '.join(always)}"


def _without_experts(sharing: Sharing, fields: Sequence[str]) -> Iterator[str]:
    """Yield the tasks that read no expert with fields, and the fields that they are predicted from."""
    chosen = bool(sharing.fields) and {*fields} <= {*sharing.fields}
    for part, parts in sharing.reads.items():
        if sharing.readers(part):
            continue
        if not parts:
            # Fields without a choice reach all parts if the whole network reads fields, as by a wide term.
            direct = sharing.behind(part).union(
                {*fields} - {*sharing.fields} if WHOLE in sharing.sees else ()
            )
            known = [field for field in dict.fromkeys([*fields, *sharing.fields]) if field in direct]
            yield f"{part} reads no expert: it is predicted from {', '.join(known) or 'a constant'} alone"
        elif chosen and not sharing.behind(part) and part not in sharing.gates:
            yield f"{part} reads no expert with fields: it is predicted from a constant alone"


def _groups(parts: Iterable[str]) -> dict[str, dict[str, str]]:
    """Group parts by the path before the last `/`: `layer0/expert1` is `expert1` of the group `layer0`."""
    groups: dict[str, dict[str, str]] = {}
    for part in parts:
        group, word = group_and_word(part)
        groups.setdefault(group or part, {})[word] = part
    return groups


def _listed(parts: Sequence[str], sharing: Sharing, names: Mapping[str, str]) -> list[str]:
    """Return the names of parts; `all of LAYER` for all the parts of a layer that others read."""
    for group, members in _groups([*sharing.sees, *sharing.reads]).items():
        if len(parts) > 1 and set(parts) == set(members.values()) and any(map(sharing.readers, parts)):
            return [f"all of {group}"]
    return [names.get(part, part) for part in parts]


def _matrix(
    title: str, parts: Mapping[str, str], reads: Mapping[str, Sequence[str]], rows: Mapping[str, str]
) -> Matrix:
    """Return a matrix of reads: `parts` is short name -> part, `rows` is part or field -> its label."""
    marks = {label: [name in reads[part] for part in parts.values()] for name, label in rows.items()}
    return Matrix(title, list(parts), marks)


def _names(sharing: Sharing) -> dict[str, str]:
    """Return short names of parts: the last path component where it is unique, else the full name."""
    parts = dict.fromkeys([*sharing.sees, *sharing.reads])
    words = [group_and_word(part)[1] for part in parts]
    return {part: word if words.count(word) == 1 else part for part, word in zip(parts, words, strict=True)}


def _fields(sharing: Sharing, part: str) -> str:
    """Return the fields that a part reads directly, in the shortest wording."""
    read = sharing.sees[part]
    missing = [field for field in sharing.fields if field not in read]
    if not read or not missing:
        return "all fields" if read else "no field"
    return f"all except {', '.join(missing)}" if len(missing) < len(read) else ", ".join(read)
