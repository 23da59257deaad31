"""Times preparing and reading data, and watches memory; run it on an idle machine.

    python benchmarks/data.py [--rows 1,5,20] [--train]

Preparation is timed against the paper's preparation as one writes it with pandas, the functions `plain_...`
below; both are processes of their own, on the same simulated files, in one run. `--rows` are millions of rows
of UserBehavior; `--train` also trains an MMoE for one epoch on the largest of them, which takes some minutes.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from rich.console import Console
from rich.table import Table

from automtl_core.data.part import Part
from automtl_core.training.batches import batches, shuffled_rows
from resources import Spent, watch
from simulated import SIMULATORS

AUTOMTL = [str(Path(sys.executable).with_name("automtl"))]
MEMORY_LIMIT = "512MiB"
APPLY_ROWS = 5_000_000
"""Rows of UserBehavior that pandas is also made to group one by one, at most."""
ALICCP = (
    *("101", "121", "122", "124", "125", "126", "127", "128", "129", "205", "206", "207", "210", "216"),
    *("508", "509", "702", "853", "301", "109_14", "110_14", "127_14", "150_14"),
)
"""The paper's fields of Ali-CCP."""
BATCH = 2048
BATCHES = 1500


def spent_by(command: Sequence[str], cwd: Path) -> Spent:
    """Run a command, and return what it took; end if it fails."""
    spent = watch(command, cwd)
    if spent.code:
        raise SystemExit(f"{command}: failed")
    return spent


def plain_userbehavior(folder: Path, out: Path, least: int, how: str) -> None:
    """Prepare UserBehavior as the paper does, with pandas.

    `vectorised` groups label columns by their maximum; `apply` collects the actions of a group in a set and
    looks into it, group by group, which takes longer.
    """
    tasks = {"click": "pv", "buy": "buy", "cart": "cart", "favourite": "fav"}
    fields = ["user_id", "item_id", "category"]
    log = pd.read_csv(folder / "UserBehavior.csv", names=[*fields, "behaviour", "timestamp"]).dropna()
    if how == "vectorised":
        for task, behaviour in tasks.items():
            log[task] = (log["behaviour"] == behaviour).astype(int)
        rows = log.groupby(fields, as_index=False)[list(tasks)].max()
    else:
        rows = log.groupby(fields)["behaviour"].apply(set).reset_index()
        for task, behaviour in tasks.items():
            rows[task] = [int(behaviour in actions) for actions in rows["behaviour"]]
    users = rows.groupby("user_id")["buy"].transform("sum")
    items = rows.groupby("item_id")["buy"].transform("sum")
    plain_split(rows[(users >= least) & (items >= least)].copy(), fields, out)


def plain_aliccp(folder: Path, out: Path) -> None:
    """Prepare Ali-CCP as the paper does, the last value of a field, with Python and pandas."""
    train, test = (plain_aliccp_part(folder, part) for part in ("train", "test"))
    for field in ALICCP:
        counts = train[field].value_counts()
        known = counts.index[counts >= 10]
        for frame in (train, test):
            frame[field] = frame[field].where(frame[field].isin(known), "unknown")
    test.to_csv(out / "own_test.csv", index=False)
    plain_split(train, list(ALICCP), out)


def plain_aliccp_part(folder: Path, part: str) -> pd.DataFrame:
    """Join the features of the training or test rows of Ali-CCP."""
    common = {}
    with (folder / f"sample_{part}" / f"common_features_{part}.csv").open() as lines:
        for line in lines:
            key, _, features = line.rstrip("\n").split(",", 2)
            common[key] = plain_features(features)
    rows = []
    with (folder / f"sample_{part}" / f"sample_skeleton_{part}.csv").open() as lines:
        for line in lines:
            _, click, purchase, key, _, features = line.rstrip("\n").split(",", 5)
            if click == "0" and purchase == "1":
                continue
            held = {**common[key], **plain_features(features)}
            rows.append([*(held.get(field) for field in ALICCP), int(click), int(purchase)])
    return pd.DataFrame(rows, columns=[*ALICCP, "click", "purchase"])


def plain_features(text: str) -> dict[str, str]:
    """Return the last value of each field of a features column."""
    found = {}
    for entry in text.split("\x01"):
        field, _, value = entry.partition("\x02")
        found[field] = value.partition("\x03")[0]
    return found


def plain_split(rows: pd.DataFrame, fields: list[str], out: Path) -> None:
    """Replace values by numbers, split the rows, and write three files."""
    for field in fields:
        rows[field] = np.unique(rows[field].to_numpy(), return_inverse=True)[1]
    order = np.random.default_rng(0).permutation(len(rows))
    tenth = len(rows) // 10
    parts = {"validation": order[:tenth], "test": order[tenth : 2 * tenth], "train": order[2 * tenth :]}
    for name, places in parts.items():
        rows.iloc[places].to_csv(out / f"{name}.csv", index=False)


def prepare(name: str, folder: Path, work: Path, *options: str, limit: str = "") -> Spent:
    """Prepare a dataset anew by the command line."""
    with tempfile.TemporaryDirectory(dir=work) as prepared:
        command = [
            "env",
            f"AUTOMTL_MEMORY_LIMIT={limit}",
            *AUTOMTL,
            "data",
            "prepare",
            name,
            "--data-dir",
            str(folder),
            *options,
        ]
        return spent_by([*command, "--set", f"prepared_dir={prepared}"], work)


def plain(name: str, folder: Path, work: Path, *options: str) -> Spent:
    """Prepare it with pandas."""
    with tempfile.TemporaryDirectory(dir=work) as out:
        return spent_by([sys.executable, __file__, "--plain", name, str(folder), out, *options], work)


def simulate(name: str, rows: int, work: Path) -> Path:
    """Write raw files, unless they are there."""
    folder = work / f"{name}-{rows}"
    if not folder.exists():
        folder.mkdir()
        SIMULATORS[name](folder, rows, 0)
    return folder


def preparation(millions: Sequence[int], work: Path) -> Table:
    """Return seconds and memory of preparing, with pandas and with automtl."""
    table = Table(title=f"preparing; the last two columns with AUTOMTL_MEMORY_LIMIT={MEMORY_LIMIT}")
    for column in ("layout", "rows", "threshold", "pandas", "pandas s", "automtl s", "ratio"):
        table.add_column(column)
    for column in ("pandas MiB", "automtl MiB", "s", "MiB"):
        table.add_column(column)

    def add(name: str, rows: int, least: str, how: str, theirs: Spent, ours: Spent, limited: Spent) -> None:
        times = [f"{theirs.seconds:.1f}", f"{ours.seconds:.1f}", f"{theirs.seconds / ours.seconds:.1f}"]
        memory = [f"{theirs.resident:,.0f}", f"{ours.resident:,.0f}"]
        apart = [f"{limited.seconds:.1f}", f"{limited.resident:,.0f}"]
        table.add_row(name, f"{rows:,}", least, how, *times, *memory, *apart)

    for rows in (million * 1_000_000 for million in millions):
        folder = simulate("userbehavior", rows, work)
        for least in ("10", "0"):
            threshold = ["--set", f"dataset.min_buys={least}"]
            ours = prepare("userbehavior", folder, work, *threshold)
            limited = prepare("userbehavior", folder, work, *threshold, limit=MEMORY_LIMIT)
            for how in ("vectorised", "apply") if rows <= APPLY_ROWS else ("vectorised",):
                theirs = plain("userbehavior", folder, work, least, how)
                add("userbehavior", rows, least, how, theirs, ours, limited)
    folder = simulate("aliccp", 200_000, work)
    theirs = plain("aliccp", folder, work)
    ours = prepare("aliccp", folder, work)
    limited = prepare("aliccp", folder, work, limit=MEMORY_LIMIT)
    add("aliccp", 200_000, "", "a row at a time", theirs, ours, limited)
    return table


def reading(work: Path) -> Table:
    """Return milliseconds of a batch from memory-mapped arrays."""
    table = Table("fields", "tasks", "rows", "median ms", "mean ms", title=f"a batch of {BATCH} rows")
    for fields, tasks, rows in ((3, 4, 10**6), (3, 4, 2 * 10**7), (34, 7, 10**6), (34, 7, 2 * 10**7)):
        with tempfile.TemporaryDirectory(dir=work) as folder:
            part = _part(Path(folder), fields, tasks, rows)
            times, last = [], time.perf_counter()
            order = shuffled_rows(rows, np.random.default_rng(0))
            for number, _ in enumerate(batches(part, BATCH, torch.device("cpu"), order)):
                now = time.perf_counter()
                times.append(1000 * (now - last))
                last = now
                if number == BATCHES:
                    break
        table.add_row(
            f"{fields}", f"{tasks}", f"{rows:,}", f"{np.median(times):.2f}", f"{np.mean(times):.2f}"
        )
    return table


def _part(folder: Path, fields: int, tasks: int, rows: int) -> Part:
    arrays = {"ids": (np.int32, fields), "dense": (np.float32, 0), "labels": (np.float32, tasks)}
    for name, (dtype, columns) in arrays.items():
        made = np.lib.format.open_memmap(folder / f"{name}.npy", "w+", dtype, (rows, columns))
        made[:] = np.arange(rows, dtype=np.int32)[:, None] % 1000
    return Part(*(np.load(folder / f"{name}.npy", mmap_mode="r") for name in arrays))


def training(rows: int, work: Path) -> Table:
    """Return what one epoch of MMoE on UserBehavior takes, its preparation included."""
    folder = simulate("userbehavior", rows, work)
    with tempfile.TemporaryDirectory(dir=work) as out:
        sets = ["dataset.min_buys=0", "training.epochs=1", f"prepared_dir={out}/prepared"]
        os.environ["AUTOMTL_RUNS"], where = f"{out}/runs", ["--data-dir", str(folder)]
        named = ["--model", "mmoe", "--dataset", "userbehavior"]
        prepare_first = [*AUTOMTL, "data", "describe", "userbehavior", "--rows", "1", *where]
        options = [text for one in sets for text in ("--set", one)]
        spent_by([*prepare_first, *options[:2], *options[-2:]], work)
        spent = spent_by([*AUTOMTL, "train", *named, *where, *options, "--json"], work)
    table = Table(
        "rows", "seconds", "resident MiB", "not backed by files MiB", title="training MMoE, one epoch"
    )
    table.add_row(f"{rows:,}", f"{spent.seconds:.0f}", f"{spent.resident:,.0f}", f"{spent.anonymous:,.0f}")
    return table


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", default="1,5,20")
    parser.add_argument("--train", action="store_true")
    parser.add_argument("--work", type=Path, help="folder that keeps the simulated files")
    parser.add_argument("--plain", nargs="+", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.plain:
        name, folder, out, *how = chosen.plain
        if name == "aliccp":
            return plain_aliccp(Path(folder), Path(out))
        return plain_userbehavior(Path(folder), Path(out), int(how[0]), how[1])
    console, millions = Console(width=160), [int(n) for n in chosen.rows.split(",")]
    with tempfile.TemporaryDirectory() as scratch:
        work = chosen.work or Path(scratch)
        work.mkdir(exist_ok=True)
        console.print(reading(work))
        console.print(preparation(millions, work))
        if chosen.train:
            console.print(training(max(millions) * 1_000_000, work))


if __name__ == "__main__":
    main()
