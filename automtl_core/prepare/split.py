"""The split of examples into training, validation and test rows, and the lists of rows. Letters: R rows."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automtl_core.data.lists import together
from automtl_core.data.part import units_of
from automtl_core.data.store import PARTS
from automtl_core.dataset.dataset import Dataset
from automtl_core.dataset.layout import key_of
from automtl_core.dataset.lists import USER, Formed, Lists, in_units
from automtl_core.dataset.moments import in_times
from automtl_core.errors import DataError, UsageError
from automtl_core.fields.field import Bools, Codes, Floats, Ints
from automtl_core.prepare.values import Examples, Parts, codes, fetched
from automtl_core.raw.sql import DB, Relation, Times, as_seconds, count, form_of, quoted
from automtl_core.system.seeds import generator

TRAIN, VALIDATION, TEST = range(3)
LEFT_OUT = -1


def split(table: Examples) -> Parts:
    """Return the part of each row of `examples`, in order.

    The rows of a list are in one part, unless the publisher or a split by user divides them. Under a split by
    time, the time of a row is that at which its list begins, and `split_seed` is the number of windows before
    the last one: rows later than the test part are left out.

    Raises:
        DataError: a part has no rows.
        UsageError: the dataset has no column to split by, or no times that a setting may name.

    """
    chosen, name = table.settings, table.name
    parts = np.zeros(count(table.db, "examples"), dtype=np.int8)
    if part := table.layout.part:
        cases = " ".join(f"WHEN '{one}' THEN {place}" for place, one in enumerate(PARTS))
        parts = values_of(table.db, f"CASE {quoted(part)} {cases} END").astype(np.int8)
    free, *given = sizes_of(parts)
    fractions = chosen.validation_fraction, chosen.test_fraction
    shares = [0 if there else round(free * share) for there, share in zip(given, fractions, strict=True)]
    if chosen.split == "time":
        shares.append(chosen.split_seed * shares[1])
    if chosen.test_from is not None or chosen.validation_from is not None:
        if any(given):
            what = f"dataset {name} has published test rows, and dataset.test_from names others"
            raise UsageError(what, "take out dataset.test_from and dataset.validation_from")
        shares = _cut_sizes(table, free)
    if any(shares):
        groups, left = _groups(table), parts == TRAIN
        parts[left] = divided(chosen.split, chosen.split_seed, shares, left, groups, table.lists)
    if all(sizes := sizes_of(parts)):
        return parts
    thresholds = [
        f"{key} (now {value})" for key, value in chosen if key.startswith("min_") and key != "min_count"
    ]
    fix = f"lower {' or '.join(thresholds)}" if thresholds else "check that the raw files are complete"
    if chosen.split != "random":
        fix += f", or use another split: the split by {chosen.split} needs at least three values"
    found = f"{sum(sizes) or 'no'} rows are left"
    raise DataError(f"dataset {name}: {found}, too few for {', '.join(PARTS)}", fix)


def leave_out(table: Examples) -> None:
    """Take the training rows of `examples` whose weights are all 0 out of their part.

    Raises:
        DataError: no training row is left.

    """
    keys, parts = table.layout.weight_keys, table.parts
    if len(keys) < len(table.layout.labels):
        return  # some task gives all rows the weight 1
    none = " AND ".join(f"CAST({quoted(key)} AS FLOAT) = 0" for key in dict.fromkeys(keys.values()))
    parts[(parts == TRAIN) & (values_of(table.db, none) == 1)] = LEFT_OUT
    if not sizes_of(parts)[TRAIN]:
        fault = (
            f"dataset {table.name}: the weights of all training rows are 0, so that nothing is left to learn"
        )
        raise DataError(fault, "correct the columns that dataset.weights names")


def _cut_sizes(table: Examples, free: int) -> list[int]:
    """Return the numbers of validation, of test and of later rows, by `validation_from` and `test_from`."""
    chosen, column, name, lists = table.settings, table.layout.time, table.name, table.lists
    if chosen.split != "time" or column is None:
        raise UsageError(
            f"dataset.test_from needs a split by time, and dataset.split is {chosen.split}",
            "use --set dataset.split=time",
        )
    if chosen.test_from is None:
        raise UsageError("dataset.validation_from needs dataset.test_from", "set both")
    kind, seconds = seconds_of_codes(table.db, column)
    if kind == "VARCHAR":
        raise DataError(
            f"dataset {name}: {column} has texts that are no times, and dataset.test_from names a time",
            "use dataset.test_fraction, or write numbers or dates",
        )
    began = None if lists is None else lists.begin
    times = seconds[values_of(table.db, quoted(column))] if began is None else began
    windows, form = chosen.split_seed, form_of(kind)
    moments = {one: getattr(chosen, one) for one in ("test_from", "validation_from")}
    first = {n: in_times(f"dataset.{n}", at, form, table.unit) for n, at in moments.items() if at is not None}
    length = float(times.max()) - first["test_from"]

    def later(setting: str, back: int) -> int:
        """Return the number of rows from the time of a setting on, some windows earlier."""
        return int(np.count_nonzero(times >= first[setting] - back * length))

    after = later("test_from", windows - 1) if windows else 0
    test = later("test_from", windows) - after
    validation = round(chosen.validation_fraction * (free - after - test))
    if "validation_from" in first:
        validation = later("validation_from", windows) - after - test
    for setting, rows in (("test_from", test), ("validation_from", validation)):
        if rows <= 0:
            ends = (Times(form, times).in_words(end) for end in (times.min(), times.max()))
            what, times_are = ("row", "is") if lists is None else ("list", "of the beginnings of lists is")
            raise DataError(
                f"dataset {name}: no {what} is in the part that dataset.{setting}={getattr(chosen, setting)} "
                f"begins; {column} {times_are} from {' to '.join(ends)}",
                "name times within them, validation_from before test_from",
            )
    return [validation, test, after]


def seconds_of_codes(db: DB, time: str) -> tuple[str, Floats]:
    """Return the type of times, and that of each code as a number; of texts that are no times the code."""
    [(kind,)] = db.execute(f"SELECT typeof(value) FROM {codes(time)} LIMIT 1").fetchall()
    value = "CAST(code AS DOUBLE)" if kind == "VARCHAR" else as_seconds("value", kind)
    frame = db.execute(f"SELECT {value} AS seconds FROM {codes(time)} ORDER BY code").df()
    return kind, frame["seconds"].to_numpy(np.float64)


def sizes_of(parts: Parts) -> list[int]:
    """Return the number of rows of each part."""
    return [int(np.count_nonzero(parts == place)) for place in range(len(PARTS))]


def random_parts(rows: int, shares: Sequence[int], seed: int, block: int = 1 << 24) -> Parts:
    """Return a random split with exact sizes: `shares` rows for validation and for the test.

    With more rows than a block, each block has its share of both, so that one block at a time is in memory.
    """
    random, parts = generator(seed, "split"), np.zeros(rows, dtype=np.int8)
    for start in range(0, rows, block):
        end = min(start + block, rows)
        validation, test = (share * end // rows - share * start // rows for share in shares)
        order = np.arange(start, end, dtype=np.int64 if end > 2**31 else np.int32)
        random.shuffle(order)
        parts[order[:validation]] = VALIDATION
        parts[order[validation : validation + test]] = TEST
    return parts


def parts_of_groups(sizes: Ints, order: Codes, shares: Sequence[int]) -> Parts:
    """Return a split of groups [G]: in `order` they are left out, for the test, for validation, for training.

    A part is full when another group would increase the distance from its wanted size.

    Args:
        sizes: Number of rows of each group, [G].
        order: Order of all groups, [G].
        shares: Number of rows for validation and for the test, and perhaps of those that are left out.

    """
    reached = np.cumsum(sizes[order])
    parts = np.zeros(len(order), dtype=np.int8)
    start = 0
    validation, test, *after = shares
    for place, size in ((LEFT_OUT, sum(after)), (TEST, test), (VALIDATION, validation)):
        if size and start < len(order):
            goal = size + (reached[start - 1] if start else 0)
            end = max(start + 1, int(np.abs(reached[start:] - goal).argmin()) + start + 1)
            parts[order[start:end]] = place
            start = end
    return parts


def divided(
    split: str,
    seed: int,
    shares: Sequence[int],
    free: Bools,
    groups: NDArray[np.integer[Any]] | None,
    lists: Formed | None,
) -> Parts:
    """Return the parts of the free rows, in order.

    Args:
        split: The kind of split.
        seed: Seed of a split by users or at random.
        shares: Number of rows for validation and for the test, and perhaps of those that are left out.
        free: Whether a row is not yet in another part, [R].
        groups: Ranks of the times of rows, or numbers of their users, -1 for none, [R]; None at random.
        lists: Their lists.

    """
    if lists is not None and split != "user":
        begin = None if split == "random" else lists.begin
        keys = units_of(lists.numbers[free]) if begin is None else begin[free]
        of_rows: NDArray[np.integer[Any]] = np.unique(keys, return_inverse=True)[1]
        order = np.arange(of_rows.max(initial=-1) + 1, dtype=np.int32)
        order = generator(seed, "split").permutation(order) if begin is None else order[::-1]
    elif groups is None:
        return random_parts(int(np.count_nonzero(free)), shares, seed)
    else:
        of_rows = groups[free]
        order = np.arange(int(groups.max(initial=-1)) + 1, dtype=np.int32)[::-1]
        order = generator(seed, "split").permutation(order) if split == "user" else order
    sizes = np.bincount(of_rows[of_rows >= 0], minlength=len(order))
    # The last one is of no group.
    found: Parts = np.append(parts_of_groups(sizes, order, shares), np.int8(TRAIN))[of_rows]
    return found


def _groups(table: Examples) -> NDArray[np.integer[Any]] | None:
    """Return the ranks of the times of rows, or the numbers of their users, for `divided`."""
    split = table.settings.split
    if split == "random" or (split == "time" and table.lists is not None):
        return None
    column = table.layout.time if split == "time" else table.dataset.user
    if column is None:
        fault = f"dataset.split is {split}, but dataset {table.name} has no {split}"
        raise UsageError(fault, "use another split")
    return values_of(table.db, f"coalesce({quoted(column)}, -1)")


def values_of(db: DB, expression: str, kind: str = "INTEGER") -> NDArray[Any]:
    """Return the values of an expression for the rows of `examples`, in order, [R]."""
    chunks = fetched(db, {"value": f"CAST({expression} AS {kind})"}, "examples")
    return np.concatenate(
        [np.zeros(0, np.int8), *(chunk["value"] for chunk in chunks)]
    )  # the type of no value


def lists_of(table: Examples) -> tuple[Lists, Formed] | tuple[None, None]:
    """Return the rule of lists, and the lists of the rows of `examples`; None without lists.

    Raises:
        DataError: all rows are at one time, so that there are no periods.

    """
    chosen, layout, db = table.settings.list, table.layout, table.db
    if chosen is None:
        return None, None
    keys = [quoted(layout.owner(column)) for column in layout.lists]
    owners = together([values_of(db, f"coalesce({key}, -1)", "BIGINT") for key in keys])
    if not layout.times:
        return (found := Lists(tuple(layout.lists))), found.form(owners, None)
    [time] = layout.times
    times = values_of(db, quoted(key_of("time", time)), "DOUBLE")
    gap, every = (None if one is None else in_units(one, table.unit) for one in (chosen.gap, chosen.every))
    found = Lists(tuple(layout.lists), layout.time_column or time, gap, every)
    if chosen.by == (USER,) and gap is every is None:
        found = _frozen(found, times, split(table), table.name)
    return found, found.form(owners, times)


def unit_of(dataset: Dataset, rows: Relation) -> float:
    """Return the seconds of the unit of times as numbers; dates become seconds."""
    if dataset.time not in rows.columns:
        return 1.0
    dates = form_of(str(rows.types[rows.columns.index(dataset.time)])) != "number"
    return 1.0 if dates else dataset.time_unit


def _frozen(lists: Lists, times: Floats, parts: Parts, name: str) -> Lists:
    """Return the rule with periods as long as the test part of rows alone, which is one of them."""
    first, last, after = times[parts == TEST].min(), times.max(), times[parts == LEFT_OUT]
    if first == times.min():
        what = f"dataset {name}: all rows are at one time, and dataset.list divides a user's rows by time"
        raise DataError(what, "name a gap, a period or columns of a list, or correct the time")
    end = after.min(initial=np.inf) - first
    length = end if len(after) else (last - first) * (1 + 1e-9) or first - times[times < first].max()
    return Lists(lists.by, lists.time, every=float(length), origin=float(first))
