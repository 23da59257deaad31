"""A small board, and predictions of its rows."""

import json

import duckdb
import numpy as np
import pandas as pd
from scipy.special import expit

from automtl_comparison.board import FORMAT

ROWS = 1500
SPREAD = 0.15
"""Deviation of what a seed adds to logits."""
SKILL = {"good": 1.0, "fair": 0.7, "poor": 0.2}
TASKS = {"shop": ("click", "buy"), "feed": ("like",)}


def truth(problem):
    """Return the true logits of rows, [R, T]."""
    return np.random.default_rng(len(problem)).standard_normal((ROWS, len(TASKS[problem])))


def said(problem, skill, seed):
    """Return the logits of a training whose errors are those of its model, and of its seed."""
    random = np.random.default_rng([seed, round(skill * 10)])
    own = np.random.default_rng(round(skill * 10)).standard_normal((ROWS, len(TASKS[problem])))
    return skill * truth(problem) + (1 - skill) * own + SPREAD * random.standard_normal(own.shape)


def rows_of(problem):
    """Return the rows of a board: three trainings of three models."""
    random, parts = np.random.default_rng(5), []
    for t, task in enumerate(TASKS[problem]):
        logits = {f"{m}.{s}": said(problem, skill, s)[:, t] for m, skill in SKILL.items() for s in range(3)}
        columns = {
            "problem": problem,
            "task": task,
            "row": np.arange(ROWS) * 3,
            "unit": 0 if problem == "feed" else np.arange(ROWS) % 200 + 1,
            "label": (random.random(ROWS) < expit(truth(problem)[:, t])).astype(int),
            **logits,
            "optimum.0": truth(problem)[:, t] if problem == "shop" else np.nan,
        }
        parts.append(pd.DataFrame(columns))
    return pd.concat(parts)


def stored(path, board, about):
    """Write a board; return its path."""
    text = json.dumps(about)
    with duckdb.connect() as db:
        db.register("board", board)
        db.execute(f"COPY board TO '{path}' (FORMAT parquet, KV_METADATA {{board: '{text}'}})")
    return path


def written(path):
    """Write a board of two problems; return its path."""
    about = {"format": FORMAT, "problems": {name: {} for name in TASKS}}
    return stored(path, pd.concat(map(rows_of, TASKS)), about)


def predictions(folder, skill, seeds=(7, 8, 9), problems=("shop", "feed"), order=None):
    """Write the predictions of a method; return the file."""
    parts = []
    for problem in problems:
        for seed in seeds:
            scores = dict(zip(TASKS[problem], expit(said(problem, skill, seed)).T, strict=True))
            parts.append(
                pd.DataFrame({"problem": problem, "row": np.arange(ROWS) * 3, "seed": seed, **scores})
            )
    rows = pd.concat(parts)
    (rows if order is None else rows.sample(frac=1, random_state=order)).to_csv(
        folder / "mine.csv", index=False
    )
    return str(folder / "mine.csv")
