"""Makes the board: trains the models on the problems, predicts the test rows, and writes one Parquet file.

    cd benchmarks; OMP_NUM_THREADS=1 python -m board.make DOWNLOADS CACHE

DOWNLOADS holds the packages that `public_tables.py` names. CACHE keeps problems, trainings and predictions: a
run that was stopped goes on where it was, and the board has all seeds that CACHE holds of all models. README
beside this file tells what the board holds.

Letters: R rows.
"""

import argparse
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import torch
from scipy.special import logit
from scipy.stats import rankdata

from automtl_comparison.spec import ComparisonSpec
from automtl_core.registry.kinds import PRESETS
from automtl_core.registry.plugins import load_registry
from automtl_core.run_dir.config import Shared, merge
from automtl_core.system.strict_yaml import read_yaml
from automtl_core.tasks.builtin import auc
from automtl_core.workflow.workflow import Workflow
from board.problems import NAMES, TRUTH, Problem, problems, write
from board.read import BOARD, FORMAT, OPTIMUM

MODELS: Mapping[str, str] = {
    "linear": "linear",
    "boosting": "boosting",
    "single-task": "single-task",
    "shared-bottom": "shared-bottom",
    "cross-stitch": "cross-stitch",
    "mmoe": "mmoe",
    "ple": "ple",
    "stem": "stem",
    "search": "desan:pd-darts",
}
"""Name on the board -> name of `automtl compare`."""
SETTINGS: Mapping[str, Any] = {
    "refit": False,
    "metrics": [],
    "training": {"batch_size": 512, "patience": 2},
    "strategy": {"epochs": 6},
}
"""Settings of all trainings, beside the preset `quick`."""
SEEDS = 5
LEVELS = 256
"""Number of different logits of a training: those of as many parts of its rows, by rank, are their mean."""
LEAST = 0.05
"""Least share of either class: a rarer label is trained, and would decide a mean AUC by few rows."""
ROUNDING = 1e-4
"""Largest change of an AUC by that."""


def trained(problem: str, config: Path, models: Sequence[str], seeds: int, cache: Path) -> None:
    """Train models with each seed, and write their predictions of the test rows."""
    if seeds <= whole(problem, models, cache):
        return
    registry = load_registry()
    flow, preset = Workflow(registry), Shared(merge(registry.get(PRESETS, "quick"), SETTINGS))
    out, start = cache / "comparisons" / problem, time.process_time()
    names = [MODELS[model] for model in models]
    result, _ = ComparisonSpec(names, seeds, out=out).compared(
        flow, [preset, read_yaml(config), {"prepared_dir": str(cache / "prepared")}]
    )
    if result.failed:
        raise SystemExit("\n".join(result.failed))
    for model, name in zip(models, names, strict=True):
        for cell in result.models[name].cells:
            file = said(problem, model, cell.seed, cache)
            file.parent.mkdir(parents=True, exist_ok=True)
            if not file.exists():
                flow.predict(out / "cells" / cell.run, config.with_name("test.csv"), file, ["row"])
    spent = time.process_time() - start
    with (cache / "seconds.jsonl").open("a") as lines:
        lines.write(json.dumps({"problem": problem, "seeds": seeds, "seconds": spent}) + "\n")


def said(problem: str, model: str, seed: int, cache: Path) -> Path:
    """Return the file of the predictions of a training."""
    return cache / "predictions" / problem / f"{model}.{seed}.parquet"


def whole(problem: str, models: Sequence[str], cache: Path) -> int:
    """Return the number of seeds that all models have been trained with."""
    seeds = 0
    while all(said(problem, model, seeds, cache).exists() for model in models):
        seeds += 1
    return seeds


def rounded(probabilities: Any) -> np.ndarray:  # [R] -> [R]
    """Return logits as they are stored, in `LEVELS`."""
    logits = logit(np.clip(np.asarray(probabilities, np.float64), 1e-12, 1 - 1e-12))
    level = ((rankdata(logits) - 1) * LEVELS // len(logits)).astype(int)
    return (np.bincount(level, logits) / np.maximum(np.bincount(level), 1))[level].astype(np.float32)


def lines(name: str, problem: Problem, models: Sequence[str], cache: Path) -> Iterator[pd.DataFrame]:
    """Yield the rows of the board of each task of a problem, with all seeds that the cache holds."""
    rows, read = problem.parts["test"], {}
    for model in models:
        for seed in range(whole(name, models, cache)):
            frame = duckdb.read_parquet(str(said(name, model, seed, cache))).df()
            frame = frame.assign(row=frame.row.astype(int)).set_index("row").loc[rows.row]
            read[f"{model}.{seed}"] = frame
    for task in problem.labels:
        labels, truth = rows[task].to_numpy(), rows.get(f"{TRUTH}{task}")
        if min(labels.mean(), 1 - labels.mean()) < LEAST:
            continue
        for column, frame in read.items():
            exact, stored_as = (auc(labels, of) for of in (frame[task].to_numpy(), rounded(frame[task])))
            if abs(exact - stored_as) > ROUNDING:
                raise SystemExit(f"{name}, {task}, {column}: rounding changes the AUC {exact} to {stored_as}")
        yield pd.DataFrame(
            {
                "problem": name,
                "task": task,
                "row": rows.row.astype("int32"),
                "unit": pd.factorize(rows[problem.unit])[0].astype("int32") + 1,
                "label": rows[task].astype("int8"),
                **{column: rounded(frame[task].to_numpy()) for column, frame in read.items()},
                f"{OPTIMUM}.0": np.float32(np.nan) if truth is None else rounded(truth),
            }
        )


def stored(parts: Sequence[pd.DataFrame], about: Mapping[str, Any], path: Path) -> None:
    """Write the board."""
    board = pd.concat(parts, ignore_index=True)  # noqa: F841 - duckdb reads it by its name
    text = json.dumps(about).replace("'", "''")
    with duckdb.connect() as db:
        db.sql(
            f"COPY board TO '{path}' (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 19, "
            f"KV_METADATA {{board: '{text}'}})"
        )


def main() -> None:
    """Make the board."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("downloads", type=Path)
    parser.add_argument("cache", type=Path)
    parser.add_argument("--out", type=Path, default=BOARD)
    parser.add_argument("--problems", default=",".join(NAMES), help="names, with commas")
    parser.add_argument("--models", default=",".join(MODELS), help="names, with commas")
    parser.add_argument("--seeds", type=int, default=SEEDS)
    given = parser.parse_args()
    torch.set_num_threads(1)
    made = dict(problems(given.downloads, given.problems.split(",")))
    configs = {name: write(name, problem, given.cache / "problems") for name, problem in made.items()}
    models = given.models.split(",")
    for seeds in range(1, given.seeds + 1):  # the first seed of all problems first
        for name, config in configs.items():
            trained(name, config, models, seeds, given.cache)
            print(f"{name}: {seeds} of {given.seeds} seeds", flush=True)
    about = {
        "format": FORMAT,
        "versions": {name: version(name) for name in ("automtl", "torch", "numpy", "lightgbm")},
        "models": {model: MODELS[model] for model in models},
        "settings": {"preset": "quick", **SETTINGS},
        "problems": {
            name: {
                "unit": problem.unit,
                "split": problem.settings["split"],
                "seeds": whole(name, models, given.cache),
                "rows": {part: len(rows) for part, rows in problem.parts.items()},
            }
            for name, problem in made.items()
        },
    }
    parts = [part for name, p in made.items() for part in lines(name, p, models, given.cache)]
    stored(parts, about, given.out)
    print(f"{given.out}: {given.out.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
