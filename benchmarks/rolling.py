"""Compares three ways to keep a model up to date: not at all, by `automtl update`, and by training anew.

The first half of the rows of a problem by time trains a model. Each next tenth is the data of a day: the
model of the day before is tested on it, and then takes it in. Scores are means over the days and tasks; the
stale model is that of the first half. Seconds are those of the whole command, on one thread.

    python benchmarks/rolling.py FOLDER --problem keys --problem flights=tables/flights.yaml --seeds 0,1,2

A problem is a kind of the dataset `planted` (`pip install --no-deps -e benchmarks`), a name of `PROBLEMS`
whose raw files are in --data, or a configuration of `benchmarks/public_tables.py`. FOLDER/rolling.jsonl has
the result of each day.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from automtl_core.dataset.dataset import Dataset, names_of
from automtl_core.fields.sparse import Sparse
from automtl_core.registry.plugins import load_registry
from automtl_core.workflow.workflow import Workflow

AUTOMTL = [str(Path(sys.executable).with_name("automtl"))]
DAYS = 5
GENERATED = ("drift", "history", "cold", "keys", "lists")
PROBLEMS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "kuairand": ("kuairand", {"log": "standard", "tasks": ["is_click", "is_like", "long_view"]}),
    "actions": ("userbehavior", {"min_buys": 0, "examples": "actions", "history_length": 0}),
    "buyers": ("userbehavior", {"min_buys": 0, "history_length": 0}),
}
"""Name -> dataset and its settings."""


def run(folder: Path, *arguments: str) -> Any:
    """Return the JSON of a command; end if it fails."""
    how = {"cwd": folder, "capture_output": True, "text": True, "env": {**os.environ, "OMP_NUM_THREADS": "1"}}
    done = subprocess.run([*AUTOMTL, *arguments, "--json"], check=False, **how)  # type: ignore[call-overload]
    if done.returncode:
        raise SystemExit(f"{' '.join(arguments)}: {done.stderr[-2000:]}")
    return json.loads(done.stdout)


def exported(folder: Path, name: str, given: Mapping[str, Any], data: Path | None) -> Mapping[str, Any]:
    """Write the rows of a dataset to rows.csv; return the settings of the dataset `table` for them."""
    layers = [{"dataset": {"name": name, "split": "time", **given}}, {"data_dir": data and data / name}]
    job = Workflow(load_registry()).job(layers)
    sets = [f"--set=dataset.{key}={json.dumps(value)}" for key, value in {"split": "time", **given}.items()]
    place = [f"--data-dir={data / name}"] if data else []
    (folder / "rows.csv").unlink(missing_ok=True)
    run(folder, "data", "export", name, *place, *sets, "--out", "rows.csv")
    dataset: Dataset = job.dataset()
    columns = {*pd.read_csv(folder / "rows.csv", nrows=0)}  # without vectors of values
    numeric = [f.name for f in dataset.fields if not isinstance(f, Sparse) and f.name in columns]
    tasks = given.get("tasks", names_of(dataset.labels))
    return {
        "sparse": {f.name: "text" for f in dataset.fields if isinstance(f, Sparse)},
        **({"dense": {name: {} for name in numeric}} if numeric else {}),
        "labels": {task: {} for task in tasks},
        "time": dataset.time_column or dataset.time,
        "time_unit": "ms" if str(dataset.time).endswith("_ms") else "s",
        "split": "time",
        **({"user": dataset.user} if dataset.user else {}),
    }


def days(folder: Path, settings: Mapping[str, Any]) -> None:
    """Divide rows.csv by time into first.csv, day1.csv and so on, and all1.csv and so on up to each day."""
    rows = pd.read_csv(folder / "rows.csv", dtype=str, keep_default_na=False)
    times = rows[settings["time"]]
    order = pd.to_numeric(times, errors="coerce")
    if order.isna().any():
        order = pd.to_datetime(times, format="ISO8601").astype("int64")
    ranks = order.rank(method="max", pct=True)
    for day in range(DAYS + 1):
        end = 0.5 + 0.5 * day / DAYS
        rows[ranks <= end].to_csv(folder / f"all{day}.csv", index=False)
        rows[(ranks <= end) & (ranks > end - 0.5 / DAYS)].to_csv(folder / f"day{day}.csv", index=False)


def trained(folder: Path, settings: Mapping[str, Any], file: str, name: str, how: Sequence[str]) -> float:
    """Train a model on a file, and return the seconds."""
    config = {"data_dir": str(folder), "dataset": {"name": "table", "files": file, **settings}}
    (folder / f"{name}.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    start = time.monotonic()
    run(folder, "train", f"{name}.yaml", "--name", name, *how)
    return time.monotonic() - start


def score(folder: Path, name: str, day: int) -> float:
    """Return the mean AUC of the tasks of a run on the rows of a day."""
    test = run(folder, "evaluate", f"runs/{name}", f"day{day}.csv")["test"]
    scores = [
        m["auc"]
        for m in test.values()
        if m.get("auc") is not None and min(m["positives"], m["rows"] - m["positives"]) >= 50
    ]
    return sum(scores) / len(scores)


def rolled(
    folder: Path, settings: Mapping[str, Any], seed: int, how: Sequence[str], replays: Sequence[str]
) -> dict[str, Any]:
    """Return the mean scores and seconds of each way."""
    how = [*how, "--seed", str(seed)]
    base = f"first-{seed}"
    shutil.rmtree(folder / "runs", ignore_errors=True)
    trained(folder, settings, "all0.csv", base, how)
    scores: dict[str, list[float]] = {"stale": [], "anew": [], **{f"replay {r}": [] for r in replays}}
    seconds: dict[str, list[float]] = {name: [] for name in scores}
    before = dict.fromkeys(replays, base)
    for day in range(1, DAYS):
        anew = f"anew{day}-{seed}"
        seconds["anew"].append(trained(folder, settings, f"all{day}.csv", anew, how))
        scores["anew"].append(score(folder, anew, day + 1))
        scores["stale"].append(score(folder, base, day + 1))
        for replay in replays:
            out, start = f"runs/updated{day}-{replay}-{seed}", time.monotonic()
            run(folder, "update", f"runs/{before[replay]}", f"day{day}.csv", "--replay", replay, "--out", out)
            seconds[f"replay {replay}"].append(time.monotonic() - start)
            before[replay] = Path(out).name
            scores[f"replay {replay}"].append(score(folder, before[replay], day + 1))
    return {"scores": scores, "seconds": seconds}


def main() -> None:
    """Run the problems."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--problem", action="append", required=True)
    parser.add_argument("--data", type=Path, help="folder of raw files: one of each dataset")
    parser.add_argument("--seeds", default="0", help="seeds of the trainings, with commas")
    parser.add_argument("--replay", default="0.25", help="values of update.replay, with commas")
    parser.add_argument("--set", action="append", default=["features=ids", "training.embedding_decay=0.01"])
    parser.add_argument("--model", default="mmoe")
    given = parser.parse_args()
    how = ["--model", given.model, *(f"--set={one}" for one in given.set)]
    for problem in given.problem:
        name, _, config = problem.partition("=")
        folder = (given.folder / name).absolute()
        folder.mkdir(parents=True, exist_ok=True)
        if config:
            read = yaml.safe_load(Path(config).read_text())
            settings = {k: v for k, v in read["dataset"].items() if k not in ("name", "files", "history")}
            rows = pd.read_csv(
                Path(read["data_dir"]) / read["dataset"]["files"], dtype=str, keep_default_na=False
            )
            rows.to_csv(folder / "rows.csv", index=False)
        elif name in GENERATED:
            settings = exported(folder, "planted", {"kind": name}, None)
        else:
            settings = exported(folder, *PROBLEMS[name], given.data)
        days(folder, settings)
        for seed in map(int, given.seeds.split(",")):
            found = rolled(folder, settings, seed, how, given.replay.split(","))
            line = {"problem": name, "seed": seed, **found}
            with (given.folder / "rolling.jsonl").open("a") as file:
                file.write(json.dumps(line) + "\n")
            means = {k: (sum(v) / len(v), sum(found["seconds"][k])) for k, v in found["scores"].items()}
            print(
                name, seed, *(f"{k} {s:.4f} ({t:.0f} s)" for k, (s, t) in means.items()), sep="  ", flush=True
            )


if __name__ == "__main__":
    main()
