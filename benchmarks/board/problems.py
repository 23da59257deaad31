"""The problems of the board: rows of public tables and generated ones, each in a fixed split.

    flights    departures from JFK in 2013: late departure, late arrival, time made up in the air; later days
    purchases  what households bought at a grocer in 2017: discount, own brand, several, coupon; later weeks
    lectures   marks of lecturers: best, good and poor; students that are not among the training rows
    factors, drift, keys
               generated, see `planted`; drift and keys are split by time

    python -m board.problems DOWNLOADS FOLDER

DOWNLOADS holds the packages that `public_tables.py` names. FOLDER/NAME receives train.csv, validation.csv and
test.csv with the columns `row` (a number), fields and labels, and NAME.yaml, a configuration of automtl.
"""

import argparse
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import yaml

from automtl_core.fields.sparse import Sparse
from planted.dataset import KINDS
from public_tables import Table, read

PARTS: Mapping[str, int] = {"train": 20_000, "validation": 4_000, "test": 8_000}
"""Part -> its rows; with units that are split as a whole, about so many."""
GENERATED: Mapping[str, tuple[str, ...]] = {
    "factors": ("click", "skip"),
    "drift": ("click", "cart"),
    "keys": ("click", "cart"),
}
"""Kind of the dataset `planted` -> its labels that are tasks of the board."""
PUBLIC: Mapping[str, tuple[str, str]] = {
    "flights": ("time", "day"),
    "purchases": ("time", "household"),
    "lectures": ("user", "student"),
}
"""Table of `public_tables` -> the split, and the unit, which the bootstrap draws."""
NAMES = (*PUBLIC, *GENERATED)
TRUTH = "probability_"
"""Before the name of a label: column of its true probability."""


class Problem(NamedTuple):
    """Rows in their parts, and how to read them."""

    parts: Mapping[str, pd.DataFrame]
    """Part -> its rows."""
    settings: Mapping[str, Any]
    """Settings of the dataset `table`, without its files."""
    unit: str
    """Column of the user, or of the day: rows of a unit are not independent."""

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the tasks."""
        return tuple(self.settings["labels"])


def problems(downloads: Path, names: Iterable[str] = NAMES) -> Iterator[tuple[str, Problem]]:
    """Yield problems by name; the packages are read only for a public one."""
    chosen = [*names]
    tables = read(downloads) if {*chosen} & {*PUBLIC} else {}
    for name in chosen:
        yield name, generated(name) if name in GENERATED else public(tables[name], *PUBLIC[name])


def public(table: Table, split: str, unit: str) -> Problem:
    """Return a problem of a public table, with its binary tasks alone."""
    rows, settings = table
    labels = {name: label for name, label in settings["labels"].items() if not label}
    rows = rows.drop(columns=settings["labels"].keys() - labels.keys())
    if unit == "day":
        rows = rows.assign(day=rows.time // 86_400)
    return Problem(parted(rows, split, unit), {**settings, "labels": labels, "split": split}, unit)


def generated(kind: str) -> Problem:
    """Return a generated problem, with a column of the true probability of each label."""
    of_kind = KINDS[kind](0, sum(PARTS.values()))
    rows, labels, unit = of_kind.frame(), GENERATED[kind], of_kind.user or "user_id"
    fields = of_kind.fields()
    names = [field.name for field in fields] + ([of_kind.time] if of_kind.time else [])
    split = "time" if of_kind.time else "random"
    settings = {
        "sparse": {field.name: "text" for field in fields if isinstance(field, Sparse)},
        "dense": {field.name: {} for field in fields if not isinstance(field, Sparse)},
        "labels": {label: {} for label in labels},
        "user": unit,
        "split": split,
        **({"time": of_kind.time} if of_kind.time else {}),
    }
    return Problem(
        parted(rows[[*names, *labels, *(f"{TRUTH}{label}" for label in labels)]], split, unit), settings, unit
    )


def parted(rows: pd.DataFrame, split: str, unit: str) -> dict[str, pd.DataFrame]:
    """Return parts with `PARTS` rows: the latest rows for the test, whole units, or at random."""
    random, count = np.random.default_rng(0), sum(PARTS.values())
    rows = rows.reset_index(names="row")
    rows = rows.iloc[np.sort(random.choice(len(rows), min(count, len(rows)), replace=False))]
    ends = np.cumsum([*PARTS.values()])[:-1]
    if split == "time":
        places = rows.time.rank(method="first").to_numpy() - 1
    elif split == "user":
        of_unit = random.permutation(rows[unit].unique())
        order = pd.Series(range(len(of_unit)), of_unit)[rows[unit]].to_numpy()
        places = pd.Series(order).rank(method="max").to_numpy() - 1  # equal for all rows of a unit
    else:
        places = random.permutation(len(rows))
    part = np.searchsorted(ends, places, side="right")
    return {name: rows[part == number] for number, name in enumerate(PARTS)}


def write(name: str, problem: Problem, folder: Path) -> Path:
    """Write the rows of a problem, without truth, and its configuration; return the configuration."""
    folder = folder / name
    folder.mkdir(parents=True, exist_ok=True)
    for part, rows in problem.parts.items():
        seen = [column for column in rows if not column.startswith(TRUTH)]
        rows[seen].to_csv(folder / f"{part}.csv", index=False)
    dataset = {"name": "table", "files": {part: f"{part}.csv" for part in PARTS}, **problem.settings}
    config = {"data_dir": str(folder.absolute()), "dataset": dataset}
    (path := folder / f"{name}.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    return path


def main() -> None:
    """Write problems."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("downloads", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--problems", default=",".join(NAMES), help="names, with commas")
    given = parser.parse_args()
    for name, problem in problems(given.downloads, given.problems.split(",")):
        path = write(name, problem, given.folder)
        print(f"{path}: {', '.join(f'{len(rows):,} {part}' for part, rows in problem.parts.items())} rows")


if __name__ == "__main__":
    main()
