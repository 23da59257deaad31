"""The first rows of an unknown table: format, header, and facts about each column.

They are read as text; faulty rows are skipped, and counted.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import dropwhile, islice
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb

from automtl_core.dataset.dataset import INTEGER, TEXT, RawFile
from automtl_core.errors import DataError, UsageError, did_you_mean
from automtl_core.fields.encode import as_number
from automtl_core.raw.columnar import intact
from automtl_core.raw.connection import connect
from automtl_core.raw.delimited import Lines, opened, rows
from automtl_core.raw.find import listed_files
from automtl_core.raw.load import load_copy, refused
from automtl_core.raw.records import Fault, FileLayout, distinct, file_layout, located, records, shown
from automtl_core.raw.sql import count, literal, one_file, quoted
from automtl_inspection.guess.facts import LIST, Facts, Glimpse, Kind, facts_of
from automtl_inspection.guess.groups import with_groups

ROWS = 100_000
"""Largest number of rows to read."""
BYTES = 64 << 20
"""Largest size of these rows, in bytes."""


def peek(name: str, columns: Sequence[str] = ()) -> Glimpse:
    """Read the first `ROWS` rows or `BYTES` bytes of a table, whichever is less.

    Args:
        name: A file, or a pattern of files with the same columns; only the first file is read.
        columns: Names of all columns in their order, if the file has no header.

    Raises:
        DataError: the file cannot be read, or holds no rows, or a single column.
        InputMissingError: there is no such file.
        UsageError: it is a folder, or not a valid pattern; or it has a header, or another number of columns.

    """
    folder, pattern, paths = listed_files(name)
    parquet = paths[0].suffix == ".parquet"
    with TemporaryDirectory(prefix="automtl.") as work, connect(folder, Path(work)) as db:
        first = paths[0]
        found = _load_parquet(db, first) if parquet else _load_text(db, first, Path(work), columns)
        names = [column.name for column in found.columns]
        if columns and (found.header or names != [*columns]):
            has = "a header" if found.header else f"{len(names):,} columns"
            what = f"{first}: has {has}, and {len(columns):,} columns are named: {', '.join(columns)}"
            raise UsageError(what, "give each column of a file without a header its own name, in their order")
        if not found.seen:
            raise DataError(f"{first}: holds no rows", "get a complete copy of the file")
        for path in paths[1:] if found.header else ():
            _check_columns(db, path, first, found)
        rows = found.rows
        if parquet:
            files = ", ".join(literal(one_file(path)) for path in paths)
            total = db.execute(f"SELECT sum(num_rows) FROM parquet_file_metadata([{files}])")
            rows = int(total.fetchall()[0][0])
        elif not rows or len(paths) > 1:
            rows = _estimated_rows(db, paths, Path(work), found)
        facts = facts_of(db, found.columns)
        found = replace(found, folder=folder.absolute(), pattern=pattern, rows=rows, columns=facts)
        return replace(found, columns=with_groups(db, found))


def _load_text(db: duckdb.DuckDBPyConnection, path: Path, work_dir: Path, given: Sequence[str]) -> Glimpse:
    """Load the first rows into the table `head`, with columns c0, c1 and so on, and `line`.

    In the result, columns have their names alone, and the number of all rows is 0 where it is unknown.
    """
    file_layout(path, RawFile(path.name, {"anything": TEXT}, header=False))  # raises if the file is not text
    encoding = _encoding(path)
    separator = _separator(path, encoding)
    first, size = _first(path, separator, encoding)
    header = _is_header(first[0], first[1:], bool(given))
    names: Sequence[str] = [f"c{n + 1}" for n in range(len(first[0]))]
    if header:
        named = RawFile(
            path.name, dict.fromkeys(distinct(first[0]), TEXT), separator=separator, encoding=encoding
        )
        names = file_layout(path, named).columns
    elif len(names) == len(given) == len({*given}):
        names = given
    most = min(ROWS, int(BYTES / size) + 1)
    file = RawFile(path.name, dict.fromkeys(names, TEXT), header, separator=separator, encoding=encoding)
    laid_out = FileLayout(path, file, tuple(names), returns=False)
    faults: list[Fault] = []
    columns = {**{f"c{n}": TEXT for n in range(len(names))}, "line": INTEGER}
    copy = FileLayout(path, RawFile(path.name, columns, header=False), tuple(columns), returns=False)

    def accepted() -> Iterator[Sequence[str]]:
        """Yield the values of valid rows and their lines, and append the faults of others to `faults`."""
        for record in islice(records(laid_out), most):
            if record.fault is None:
                yield [*record.fields, str(record.line)]
            else:
                faults.append(record.fault)

    load_copy(db, "head", copy, accepted(), work_dir)
    seen = count(db, "head")
    if len(faults) > seen:
        following = dropwhile(lambda record: record.fault is None, records(laid_out))
        next(following)
        raise refused(path, file, faults[0], following)
    rows, fault = seen if seen + len(faults) < most else 0, located(path, faults[0]) if faults else ""
    known = list(map(Facts, names))
    about = (seen, rows, known, encoding, len(faults), fault)
    return Glimpse(path.parent, path.name, False, separator, header, *about)


def _check_columns(db: duckdb.DuckDBPyConnection, path: Path, first: Path, seen: Glimpse) -> None:
    """Check that a file has the columns of the first one.

    Raises:
        DataError: it lacks some.

    """
    if path.suffix == ".parquet":
        names = list(_types(db, path))
    else:
        with opened(path) as stream:
            lines = islice(rows(Lines(stream, seen.encoding), seen.separator), 1)
            names = [name for _, _, values, _ in lines for name in distinct(values)]
    if lacking := [column.name for column in seen.columns if column.name not in names]:
        near = did_you_mean(lacking[0], names)
        what = f"{path}: lacks the column {lacking[0]!r}{near}, which {first} has"
        raise DataError(what, "give files with equal columns, or a pattern that such files alone match")


def _encoding(path: Path) -> str:
    """Return the encoding of lines that are not UTF-8, if most lines beyond ASCII are not."""
    with opened(path) as stream:
        head = stream.read(BYTES)
    if _is_utf8(head):
        return ""
    lines = [line for line in head.splitlines() if not line.isascii()]
    return "cp1252" if 2 * sum(map(_is_utf8, lines)) < len(lines) else ""


def _is_utf8(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


def _separator(path: Path, encoding: str) -> str:
    """Return the separator with the most values per row, equally many in most of the first rows.

    The first row may have another number of values, which is a fault that is named later.
    """
    widths = {}
    for separator in (",", "\t", ";", "|"):
        found = [len(values) for values in _first(path, separator, encoding)[0]]
        [(width, times)] = Counter(found).most_common(1)
        widths[separator] = min(width, found[0]) if 2 * times > len(found) else 1
    best = max(widths, key=lambda separator: widths[separator])
    if widths[best] == 1:
        what = f"{path}:1: no comma, tab, semicolon or bar separates columns"
        raise DataError(what, "write the file with one of these separators")
    return best


def _first(path: Path, separator: str, encoding: str) -> tuple[Sequence[Sequence[str]], float]:
    """Return the values of the first 100 rows, and the mean size of a row in characters."""
    with opened(path) as stream:
        found = list(islice(rows(Lines(stream, encoding), separator), 100))
    if found and separator == "," and found[0][1].startswith("#"):
        widths = {len(values) for _, _, values, _ in found[1:]}
        if len(found[0][2]) not in widths and widths != set():
            what = f"{path}:{found[0][0]}: a comment, not a header: {shown(found[0][1])}"
            raise DataError(what, "remove such lines: grep -v '^#' FILE > NEW")
    size = sum(len(text) + 1 for _, text, *_ in found) / len(found)
    return [values for _, _, values, _ in found], size


def _is_header(first: Sequence[str], others: Sequence[Sequence[str]], named: bool) -> bool:
    """Return whether the first row is a header: above columns of numbers it mostly holds texts."""
    numbers, above = [as_number(value) is not None for value in first], []
    for n, value in enumerate(first):
        below = [as_number(row[n]) is None for row in others if n < len(row) and row[n]]
        if value and below and 2 * sum(below) < len(below):
            above.append(numbers[n])
    if above and 2 * sum(above) < len(above):
        return True
    return not (above or named or len({*first}) < len(first) or any(numbers))


def _types(db: duckdb.DuckDBPyConnection, path: Path) -> dict[str, str]:
    """Return the SQL type of each column of a Parquet file."""
    with intact(path):
        described = db.execute(f"DESCRIBE SELECT * FROM read_parquet({literal(one_file(path))})").fetchall()
    return {name: kind for name, kind, *_ in described}


def _load_parquet(db: duckdb.DuckDBPyConnection, path: Path) -> Glimpse:
    """Load the first rows as `_load_text` does; columns have the kind of lists and of nested values too."""
    scan, types = f"read_parquet({literal(one_file(path))})", _types(db, path)
    with intact(path):
        columns = [Facts(name, _deep_kind(db, scan, name, kind)) for name, kind in types.items()]
        chosen = [
            f"{'NULL' if column.kind == 'nested' else _as_text(quoted(column.name), kind)} AS c{n}"
            for n, (column, kind) in enumerate(zip(columns, types.values(), strict=True))
        ]
        most = min(ROWS, BYTES // (8 * len(types)) + 1)
        first = f"SELECT {', '.join(chosen)} FROM {scan} LIMIT {most}"
        db.execute(f"CREATE TABLE head AS SELECT *, row_number() OVER () AS line FROM ({first})")
    return Glimpse(path.parent, path.name, True, ",", True, count(db, "head"), 0, columns)


def _deep_kind(db: duckdb.DuckDBPyConnection, scan: str, name: str, kind: str) -> Kind:
    """Return the kind of a column: a list has plain values, none of which contains `LIST`."""
    if not kind.endswith((")", "]", "BLOB")) or "DECIMAL" in kind:
        return "text"
    if not kind.endswith("[]") or kind.removesuffix("[]").endswith(("]", ")", "BLOB")):
        return "nested"
    values = f"SELECT unnest({quoted(name)}) AS value FROM (SELECT {quoted(name)} FROM {scan} LIMIT {ROWS})"
    joined = db.execute(f"SELECT bool_or(contains(CAST(value AS VARCHAR), {literal(LIST)})) FROM ({values})")
    return "nested" if joined.fetchall()[0][0] else "list"


def _as_text(name: str, kind: str) -> str:
    """Return SQL that converts a value to the text of a text file."""
    if kind.endswith("[]"):
        return f"nullif(array_to_string({name}, {literal(LIST)}), '')"
    if kind == "BOOLEAN":
        return f"CAST(CAST({name} AS INTEGER) AS VARCHAR)"
    if kind in ("FLOAT", "DOUBLE"):
        whole = f"CAST(CAST({name} AS BIGINT) AS VARCHAR)"  # integers with gaps become floats in a data frame
        is_whole = f"{name} = trunc({name}) AND abs({name}) < 9e15"
        return f"CASE WHEN {is_whole} THEN {whole} WHEN NOT isnan({name}) THEN CAST({name} AS VARCHAR) END"
    return f"CAST({name} AS VARCHAR)"


def _estimated_rows(
    db: duckdb.DuckDBPyConnection, paths: Sequence[Path], work_dir: Path, seen: Glimpse
) -> int:
    """Return the number of rows, estimated from the size and compression of the first rows."""
    compression = {".gz": "gzip", ".zst": "zstd"}.get(paths[0].suffix, "uncompressed")
    copy = work_dir / "head"
    db.execute(
        f"COPY (SELECT * EXCLUDE line FROM head) TO {literal(str(copy.resolve()))} "
        f"(FORMAT csv, HEADER false, DELIMITER {literal(seen.separator)}, COMPRESSION {compression})"
    )
    return round(seen.seen * sum(path.stat().st_size for path in paths) / copy.stat().st_size)
