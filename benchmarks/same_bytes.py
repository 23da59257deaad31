"""Digests of weights, predictions and exports of small runs, to compare two versions of the code.

    python benchmarks/same_bytes.py --data DIR > before.txt

Each line is a digest and the file of a run: training of MMoE and a search on generated data, on KuaiRand and
on UserBehavior by actions. Two versions that print the same lines train, predict and export the same bytes.
"""

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import onnx

DATASETS = {
    "synthetic": ["--set", "dataset.rows=6000"],
    "history": ["--dataset", "synthetic", "--set", "dataset.kind=history", "--set", "dataset.rows=6000"],
    "kuairand": ["--set", "dataset.log=standard"],
    "userbehavior": ["--set", "dataset.examples=actions", "--set", "dataset.min_buys=1"],
}
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")


PREDICT = """
import json, sys, pandas, automtl
rows = pandas.DataFrame(json.load(open(sys.argv[2])))
print(automtl.load(sys.argv[1]).predict(rows).to_csv())
"""


def run(*command: str | Path, folder: Path) -> str:
    """Run a command in a folder, with one thread; its error ends this program."""
    words = list(map(str, command))
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, env=os.environ | ONE_THREAD)
    if done.returncode:
        sys.exit(f"{' '.join(words)}\n{done.stdout}{done.stderr}")
    return done.stdout


def operators(path: Path) -> bytes:
    """Return the nodes and weights of a graph, without the places in source code that torch notes."""
    graph = onnx.load(path).graph
    for node in graph.node:
        node.ClearField("metadata_props")
        node.ClearField("doc_string")
    return b"".join(part.SerializeToString() for part in (*graph.node, *graph.initializer))


def digests(folder: Path, job: list[str | Path]) -> dict[str, str]:
    """Return digests of the files of a job, of its metrics, and of predictions."""
    automtl = Path(sys.executable).with_name("automtl")
    run(automtl, *job, "--name", "run", folder=folder)
    run(automtl, "export", "runs/run", "--out", "export", folder=folder)
    files = (folder / "runs/run/weights.safetensors", folder / "runs/run/architecture.json")
    written = {path.name: path.read_bytes() for path in files}
    written["graph"] = operators(folder / "export/model.onnx")
    result = json.loads((folder / "runs/run/result.json").read_text())
    written["metrics"] = json.dumps([result["validation"], result["flops_per_row"]]).encode()
    rows = folder / "export/examples.json"
    written["predictions"] = run(sys.executable, "-c", PREDICT, "runs/run", rows, folder=folder).encode()
    return {name: hashlib.sha256(content).hexdigest()[:16] for name, content in written.items()}


def main() -> None:
    """Train, search, export and predict; print a digest of each file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with a folder for each real dataset")
    parser.add_argument("--only", default=",".join(DATASETS), help="names of the datasets, with commas")
    arguments = parser.parse_args()
    data = arguments.data.resolve()
    for name in arguments.only.split(","):
        settings = DATASETS[name]
        dataset = settings if "--dataset" in settings else ["--dataset", name, *settings]
        source = ["--data-dir", data / name] if (data / name).exists() else []
        for kind, command in {"train": ["train", "--model", "mmoe"], "search": ["search"]}.items():
            with tempfile.TemporaryDirectory() as folder:
                job = [*command, *dataset, *source, "--preset", "quick"]
                for file, digest in digests(Path(folder), job).items():
                    print(f"{digest}  {name} {kind} {file}", flush=True)


if __name__ == "__main__":
    main()
