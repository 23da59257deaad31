"""AutoGluon, one predictor for each label, on the rows and the columns of a table of automtl.

    pip install 'autogluon.tabular[lightgbm,catboost,xgboost]'
    automtl search tables/lectures.yaml --name lectures
    python benchmarks/autogluon_labels.py lectures.json --config tables/lectures.yaml --seconds 120

AutoGluon trains on training and validation rows with its preset `best_quality`, which makes its own folds.
Each label has the time limit. Scores are AUC, or R2 of a number, on the test rows of automtl.
"""

import argparse
import json
import shutil
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
from autogluon.tabular import TabularPredictor

from automtl_core.data.store import PARTS
from automtl_core.registry.plugins import load_registry
from automtl_core.system.strict_yaml import read_yaml
from automtl_core.workflow.workflow import Workflow


def main() -> None:
    """Print the score of each label, and write all as JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", type=Path)
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--seconds", type=float, required=True, help="time limit of each label")
    parser.add_argument("--cores", type=int, default=1)
    arguments = parser.parse_args()
    flow = Workflow(load_registry())
    prepared = flow.prepare(flow.job([read_yaml(arguments.config)]))
    parts = [prepared.part(name) for name in PARTS]
    schema, columns = prepared.schema, dict[str, np.ndarray]()
    for place, field in enumerate(schema.sparse):
        if field.kind != "bag":
            columns[field.name] = np.concatenate([part.ids[:, place] for part in parts])
    for place, number in enumerate(schema.dense):
        columns[number.name] = np.concatenate([part.dense[:, place] for part in parts])
    times = [prepared.times(name) for name in PARTS]
    if all(one is not None for one in times):
        columns["time"] = np.concatenate(times)
    rows = pd.DataFrame(columns)
    for field in schema.sparse:
        if field.name in rows:
            rows[field.name] = rows[field.name].astype("category")
    labels = np.concatenate([part.labels for part in parts])
    tested = np.repeat(range(len(PARTS)), [len(part) for part in parts]) == 2
    found = {}
    for t, task in enumerate(schema.tasks):
        known = ~np.isnan(labels[:, t])
        table = rows[known].assign(label=labels[known, t])
        start, folder = time.perf_counter(), tempfile.mkdtemp()
        predictor = TabularPredictor(
            "label",
            problem_type="binary" if task.type.two_classes else "regression",
            eval_metric="roc_auc" if task.type.two_classes else "r2",
            path=folder,
            verbosity=0,
        )
        predictor.fit(
            table[~tested[known]],
            presets="best_quality",
            time_limit=arguments.seconds,
            num_cpus=arguments.cores,
            num_gpus=0,
        )
        test = table[tested[known]]
        score = predictor.evaluate(test)["roc_auc" if task.type.two_classes else "r2"]
        seconds = time.perf_counter() - start
        found[task.name] = {"score": score, "seconds": round(seconds), "models": len(predictor.model_names())}
        shutil.rmtree(folder)
        print(f"{task.name}: {score:.4f} in {seconds:.0f} s", flush=True)
    print(f"mean {np.mean([one['score'] for one in found.values()]):.4f}")
    arguments.out.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
