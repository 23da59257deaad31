"""Who reads what, for people: matrices, or a line a part; and what nobody sees."""

from collections.abc import Iterator, Mapping, Sequence

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from automtl_cli.runs.architecture import natural
from automtl_cli.tables import safe, table
from automtl_core.runs.finding import Truth
from automtl_core.sharing import Sharing

CHOSEN, NOT_CHOSEN = "●", "·"


def matrices(sharing: Sharing) -> Iterator[RenderableType]:
    """Render a matrix for the parts of a layer: what they read, fields first, by who reads it."""
    called = _names(sharing)
    for title, columns in _groups(sharing.sees).items():
        yield Text()
        yield _matrix(title, sharing.fields, columns, {})
    for title, columns in reversed(_groups(sharing.reads).items()):
        if read := sorted({part for parts in columns.values() for part in parts}, key=natural):
            yield Text()
            yield _matrix(title, read, columns, called)


def lines(sharing: Sharing) -> Iterator[RenderableType]:
    """Render a line for each part that is read, or sees fields: what it reads, and who reads it."""
    called = _names(sharing)
    rows = []
    for part in dict.fromkeys([*sharing.sees, *reversed(list(sharing.reads))]):
        readers = sharing.readers(part)
        if readers or part in sharing.sees:
            fields = [_seen(sharing, part)] if part in sharing.sees else []
            parts = [called.get(name, name) for name in sharing.reads.get(part, ())]
            rows.append(
                [called[part], ", ".join(called[r] for r in readers) or "-", ", ".join(fields + parts)]
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


def _groups(parts: Mapping[str, Sequence[str]]) -> dict[str, dict[str, Sequence[str]]]:
    """Group parts by all but the last word of their names: `layer0/expert1` is `expert1` of `layer0`."""
    groups: dict[str, dict[str, Sequence[str]]] = {}
    for part, read in parts.items():
        group, _, word = part.rpartition("/")
        groups.setdefault(group or part, {})[word] = read
    return groups


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
