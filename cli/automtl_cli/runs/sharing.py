"""Who reads what, for people: matrices, or a line a part; and what nobody sees."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from automtl_cli.runs.architecture import natural
from automtl_cli.tables import safe, table
from automtl_core.sharing import Sharing
from automtl_core.workflow.finding import Truth

CHOSEN, NOT_CHOSEN = "●", "·"


def fields_seen(sharing: Sharing) -> Iterator[RenderableType]:
    """Render a matrix for each layer that sees fields: which of its parts see which."""
    for title, parts in _groups(sharing.sees).items():
        yield Text()
        yield _matrix(title, sharing.fields, {word: sharing.sees[part] for word, part in parts.items()}, {})


def parts_read(sharing: Sharing) -> Iterator[RenderableType]:
    """Render a matrix for each layer that reads parts, and for the tasks: which of them read which."""
    called = _names(sharing)
    for title, parts in reversed(_groups(sharing.reads).items()):
        columns = {word: sharing.reads[part] for word, part in parts.items()}
        if read := sorted({part for column in columns.values() for part in column}, key=natural):
            yield Text()
            yield _matrix(title, read, columns, called)


def lines(sharing: Sharing) -> Iterator[RenderableType]:
    """Render a line for each part that is read, or sees fields: what it reads, and who reads it."""
    called, rows = _names(sharing), []
    above = [part for group in reversed(_groups(sharing.reads).values()) for part in group.values()]
    for part in dict.fromkeys([*sharing.sees, *above]):
        readers = sharing.readers(part)
        if readers or part in sharing.sees:
            fields = [_seen(sharing, part)] if part in sharing.sees else []
            parts = _listed(sharing.reads.get(part, ()), sharing, called)
            rows.append(
                [called[part], ", ".join(_listed(readers, sharing, called)) or "-", ", ".join(fields + parts)]
            )
    if rows:
        yield table(["", "read by", "reads"], rows)


def unseen(sharing: Sharing, truth: Truth | None, fields: Sequence[str]) -> Iterator[RenderableType]:
    """Render what nobody sees, and whether that is right where it is known.

    Args:
        sharing: Who reads what.
        truth: What is known.
        fields: Names of all fields.

    """
    if sharing.fields:
        yield safe(f"seen by no expert: {', '.join(sharing.closed()) or 'none, every field is seen'}")
        if always := [field for field in fields if field not in sharing.fields]:
            yield safe(f"cannot be closed: {', '.join(always)}")
    for part, parts in sharing.reads.items():
        if not parts and not sharing.behind(part) and not sharing.readers(part):
            yield safe(f"{part} reads nothing")
    if truth is not None and sharing.fields:
        yield safe(f"noise fields seen by no expert: {_yes(truth.seen, 'seen: ' + ', '.join(truth.seen))}")
        missed = "; ".join(f"{task} misses {', '.join(fields)}" for task, fields in truth.missed.items())
        yield safe(f"fields that act on a task seen by an expert that it reads: {_yes(truth.missed, missed)}")


def _yes(faults: object, told: str) -> str:
    return f"no ({told})" if faults else "yes"


def _groups(parts: Iterable[str]) -> dict[str, dict[str, str]]:
    """Group parts by all but the last word of their names: `layer0/expert1` is `expert1` of `layer0`."""
    groups: dict[str, dict[str, str]] = {}
    for part in parts:
        group, _, word = part.rpartition("/")
        groups.setdefault(group or part, {})[word] = part
    return groups


def _listed(parts: Sequence[str], sharing: Sharing, called: Mapping[str, str]) -> list[str]:
    """Return what parts are called; several that are all of a layer, which others read, by the layer."""
    for group, members in _groups([*sharing.sees, *sharing.reads]).items():
        if len(parts) > 1 and set(parts) == set(members.values()) and any(map(sharing.readers, parts)):
            return [f"all of {group}"]
    return [called.get(part, part) for part in parts]


def _matrix(
    title: str, read: Sequence[str], columns: Mapping[str, Sequence[str]], called: Mapping[str, str]
) -> Table:
    rows = [
        [called.get(one, one), *(CHOSEN if one in column else NOT_CHOSEN for column in columns.values())]
        for one in read
    ]
    return table([title, *columns], rows, align="center")


def _names(sharing: Sharing) -> dict[str, str]:
    """Return what parts are called: by their last words, where these are names of one part each."""
    parts = dict.fromkeys([*sharing.sees, *sharing.reads])
    words = [part.rpartition("/")[2] for part in parts]
    return {part: word if words.count(word) == 1 else part for part, word in zip(parts, words, strict=True)}


def _seen(sharing: Sharing, part: str) -> str:
    """Return the fields that a part sees, in the fewest words."""
    seen = sharing.sees[part]
    missing = [field for field in sharing.fields if field not in seen]
    if not seen:
        return "no field"
    if not missing:
        return "all fields"
    return f"all but {', '.join(missing)}" if len(missing) < len(seen) else ", ".join(seen)
