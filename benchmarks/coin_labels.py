"""Findings on labels without any signal: how often a search reports an effect, or changes an encoding.

Labels are drawn by a coin, independently of all fields. A search should say that nothing was learned, report
no finding and keep the plain encodings. Five tables of 15,000 rows:

    binary      two labels, two categorical fields and a number
    rare        the same with ids of users and items, one label of 4 %
    regression  two regressions, with ids
    ids         two binary labels, with ids
    numbers     two binary labels, eight numbers and a categorical field

    python benchmarks/coin_labels.py --tables binary,ids --seeds 5
"""

import argparse
import json
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

import automtl
from automtl_core.run_dir.run import Run
from automtl_core.training.recipe import EMBEDDING_DECAY

ROWS = 15_000
RATES: Mapping[str, tuple[float, float]] = {"rare": (0.3, 0.04)}
"""Table -> rates of its two labels."""
TABLES = ("binary", "rare", "regression", "ids", "numbers")


class Outcome(NamedTuple):
    """The outcome of a search on random labels."""

    verdicts: Mapping[str, int]
    """Verdict -> number of decisions."""
    plain: bool
    """Whether the encoding search kept all defaults."""
    learned: tuple[str, ...]
    """Tasks that are significantly better than a constant on the test rows."""
    seconds: float

    @property
    def findings(self) -> int:
        """Number of decisions that are called significant, also of one of several equal parts."""
        return sum(self.verdicts.get(verdict, 0) for verdict in ("required", "better", "interchangeable"))


def coin_table(name: str, seed: int, rows: int = ROWS) -> tuple[pd.DataFrame, list[str]]:
    """Return a table and the names of its labels."""
    random = np.random.default_rng([seed, TABLES.index(name)])

    def ids(count: int) -> pd.Series:
        return pd.Series(random.integers(0, count, rows).astype(str))

    if name == "numbers":
        columns: dict[str, Any] = {f"number{k}": random.normal(size=rows) for k in range(8)} | {
            "code": ids(4)
        }
    else:
        columns = {"tab": ids(5), "category": ids(20), "age": random.normal(size=rows)}
        columns |= {} if name == "binary" else {"user_id": ids(300), "item_id": ids(200)}
    if name == "regression":
        columns |= {"watched": random.normal(size=rows), "price": random.normal(size=rows)}
    else:
        rates = RATES.get(name, (0.4, 0.2))
        columns |= {
            label: (random.random(rows) < rate).astype(int)
            for label, rate in zip(("click", "like"), rates, strict=True)
        }
    return pd.DataFrame(columns), list(columns)[-2:]


def searched(name: str, seed: int, folder: Path, settings: Mapping[str, Any], rows: int = ROWS) -> Outcome:
    """Search on a table, and return what the run reports."""
    frame, labels = coin_table(name, seed, rows)
    start = time.monotonic()
    run = automtl.search(
        frame, labels=labels, seed=seed, name=f"{name}-{seed}", runs_dir=folder, settings=dict(settings)
    )
    documents = {each: json.loads((run.path / f"{each}.json").read_text()) for each in ("search", "result")}
    config = Run.open(run.path).config()
    return Outcome(
        Counter(one["verdict"] for one in documents["search"]["evidence"]),
        config.features.plain and config.training.embedding_decay == EMBEDDING_DECAY,
        tuple(task for task, b in documents["result"]["baselines"].items() if b["p_constant"] < 0.01),
        time.monotonic() - start,
    )


def main() -> None:
    """Print the outcome of each table and seed, and the counts over all."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tables", default=",".join(TABLES))
    parser.add_argument("--seeds", type=int, default=5)
    arguments = parser.parse_args()
    outcomes = []
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(arguments.seeds):
            for name in arguments.tables.split(","):
                outcome = searched(name, seed, Path(folder), {})
                outcomes.append(outcome)
                learned = ", ".join(outcome.learned) or "nothing"
                decisions = sum(outcome.verdicts.values())
                print(
                    f"{name} {seed}: {outcome.findings} findings of {decisions} decisions, "
                    f"encodings {'plain' if outcome.plain else 'changed'}, learned: {learned}, "
                    f"{outcome.seconds:.0f} s",
                    flush=True,
                )
    print(
        f"without a finding: {sum(not one.findings for one in outcomes)} of {len(outcomes)}; "
        f"plain encodings: {sum(one.plain for one in outcomes)}; "
        f"nothing learned: {sum(not one.learned for one in outcomes)}"
    )


if __name__ == "__main__":
    main()
