"""Views of sharing: the fields and parts that each part of a network reads."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from automtl_core.modules.sharing import WHOLE, Sharing, group_and_word
from automtl_core.search.evidence import Evidence
from automtl_core.views.evidence import removals
from automtl_core.views.values import Block, Grid, Matrix, Section, Text
from automtl_core.workflow.finding import Truth

NO_PROOF = " (a decision about cost and estimated effect, and no proof that a field is useless)"
REMOVAL = (
    "Effect of the removal on held-out loss (mean over tasks of 1 - AUC or 1 - R2), with 95 % interval, not "
    "corrected for the number of decisions"
)


def fields_read(sharing: Sharing) -> Iterator[Section]:
    """Yield a matrix for each layer that reads fields: its parts as columns, fields as rows."""
    for title, parts in _groups(sharing.sees).items():
        yield _matrix(title, parts, sharing.sees, {field: field for field in sharing.fields})


def parts_read(sharing: Sharing) -> Iterator[Section]:
    """Yield a matrix for each layer, and for the tasks, of the parts that they read."""
    names = _names(sharing)
    for title, parts in reversed(_groups(sharing.reads).items()):
        if read := sorted({one for part in parts.values() for one in sharing.reads[part]}, key=natural):
            yield _matrix(title, parts, sharing.reads, {one: names.get(one, one) for one in read})


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


def notes(
    sharing: Sharing, truth: Truth | None, fields: Sequence[str], evidence: Sequence[Evidence] = ()
) -> list[Block]:
    """Return notes on what is not read; arguments as for `summary`."""
    found = [*_unread(sharing, fields, evidence), *_without_experts(sharing, fields), *_known(sharing, truth)]
    return list(map(Text, found))


def summary(
    sharing: Sharing, truth: Truth | None, fields: Sequence[str], evidence: Sequence[Evidence] = ()
) -> Section:
    """Return one line for each part with its readers and inputs, and notes on what is not read.

    Args:
        sharing: The sharing of the network.
        truth: Comparison with the true structure of generated data.
        fields: All fields, also those without a choice.
        evidence: Evidence of the search, with the effects of removals.

    """
    return Section("", [*readers(sharing), *notes(sharing, truth, fields, evidence)])


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


def _known(sharing: Sharing, truth: Truth | None) -> Iterator[str]:
    """Yield the network in comparison with the true structure of generated data."""
    if truth is not None and sharing.fields:
        seen = _yes(truth.seen, "read: " + ", ".join(truth.seen))
        missed = "; ".join(f"{task} misses {', '.join(fields)}" for task, fields in truth.missed.items())
        yield f"Known truth: experts leave out all noise fields: {seen}"
        yield f"Known truth: every task reads all fields that affect it: {_yes(truth.missed, missed)}"


def _yes(faults: object, details: str) -> str:
    return f"no ({details})" if faults else "yes"


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
) -> Section:
    """Return a matrix of reads: `parts` is short name -> part, `rows` is part or field -> its label."""
    marks = {name: [one in reads[part] for part in parts.values()] for one, name in rows.items()}
    return Section("", [Matrix(title, list(parts), marks)])


def _names(sharing: Sharing) -> dict[str, str]:
    """Return short names of parts: the last path component where it is unique, else the full name."""
    parts = dict.fromkeys([*sharing.sees, *sharing.reads])
    words = [group_and_word(part)[1] for part in parts]
    return {part: word if words.count(word) == 1 else part for part, word in zip(parts, words, strict=True)}


def _fields(sharing: Sharing, part: str) -> str:
    """Return the fields that a part reads directly, in the shortest wording."""
    read = sharing.sees[part]
    missing = [field for field in sharing.fields if field not in read]
    if not read:
        return "no field"
    if not missing:
        return "all fields"
    return f"all except {', '.join(missing)}" if len(missing) < len(read) else ", ".join(read)
