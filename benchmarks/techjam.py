"""TechJam 2026, "Problem 2", on KuaiRand-Pure: simple models beside a search, on the rows of its preset.

    pip install -e examples/techjam
    automtl search --preset techjam --data-dir kuairand --name techjam
    python benchmarks/techjam.py --data-dir kuairand --runs runs/techjam

Popularity is the share of long views of a video, with 20 rows of the mean. The factorisation machine reads
the five fields of the starter kit. Validation rows choose its epochs, and it is trained again on training
and validation rows. `--days` names other days, for copies of the data that lack some.
"""

import argparse
import json
from pathlib import Path
from statistics import fmean, stdev

import numpy as np
import torch

from automtl_core.data.part import Part
from automtl_core.data.store import PARTS
from automtl_core.plugin import Settings
from automtl_core.registry.kinds import LOSSES, METRICS, PRESETS
from automtl_core.registry.plugins import load_registry
from automtl_core.run_dir.facts import Result
from automtl_core.training.lists import list_batches
from automtl_core.workflow.workflow import Workflow
from automtl_report.record import read_record
from lists import FactorisationMachine, loss_of

FIELDS = ("user_id", "video_id", "author_id", "tab", "duration_ms")
PRIOR, DECAY, EPOCHS, PATIENCE, SIZE, RATE = 20, 1e-6, 40, 4, 2048, 1e-3
REGISTRY = load_registry()
NAMES = ("gauc-by-positives", "ndcg-of-all-5", "techjam")


def scores(part: Part, logits: np.ndarray) -> list[float]:
    """Return the metrics of the protocol."""
    rows = np.asarray(part.labels[:, 0], np.float64), np.asarray(logits, np.float64), part.groups
    return [REGISTRY.get(METRICS, name).compute(*rows).value for name in NAMES]


def popularity(train: Part, test: Part, video: int) -> np.ndarray:
    """Return the share of long views of the video of each test row."""
    ids, labels, size = train.ids[:, video], train.labels[:, 0], int(train.ids[:, video].max()) + 1
    counts, sums = np.bincount(ids, minlength=size), np.bincount(ids, labels, size)
    shares = (sums + PRIOR * labels.mean()) / (counts + PRIOR)
    known = test.ids[:, video] < size
    return np.where(known, shares[np.where(known, test.ids[:, video], 0)], labels.mean())


class Machine:
    """A factorisation machine in training; an epoch has the loss `log-loss` or `pairwise`."""

    def __init__(self, sizes: list[int], places: list[int], loss: str, seed: int) -> None:
        torch.manual_seed(seed)
        self.places, self.seed, self.done = places, seed, 0
        self.model = FactorisationMachine(sizes)
        self.optimiser = torch.optim.Adam(self.model.parameters(), RATE, weight_decay=DECAY)
        self.pairwise = REGISTRY.get(LOSSES, "pairwise")(Settings()) if loss == "pairwise" else None

    def logits(self, part: Part) -> torch.Tensor:
        """Return the logits of all rows."""
        return self.model(torch.from_numpy(np.asarray(part.ids[:, self.places], np.int64)))

    def epoch(self, part: Part) -> None:
        """Train on all rows once."""
        ids = torch.from_numpy(np.asarray(part.ids[:, self.places], np.int64))
        for rows, lists in list_batches(part, SIZE, np.random.default_rng([self.seed, self.done])):
            y, logits = torch.from_numpy(part.labels[rows, 0]), self.model(ids[rows])
            value = loss_of(self.pairwise, logits, y, torch.from_numpy(lists))
            self.optimiser.zero_grad()
            value.backward()
            self.optimiser.step()
        self.done += 1


def epochs_of(machine: Machine, train: Part, validation: Part) -> int:
    """Return the number of epochs with the best primary metric of validation rows."""
    best, at = -1.0, 0
    while machine.done < EPOCHS and machine.done - at < PATIENCE:
        machine.epoch(train)
        with torch.no_grad():
            found = scores(validation, machine.logits(validation).numpy())[-1]
        best, at = (found, machine.done) if found > best else (best, at)
    return at


def main() -> None:
    """Print the public scores and those of this script, the best primary metric first."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--days", type=int, nargs=2, default=[20220422, 20220429])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--runs", type=Path, nargs="*", default=[], help="runs of the preset, one per seed")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    layers = [REGISTRY.get(PRESETS, name) for name in ("default", "techjam")]
    own = {"dataset": {"days": arguments.days}, "data_dir": str(arguments.data_dir)}
    prepared = Workflow(REGISTRY).prepare(Workflow(REGISTRY).job([*layers, own]))
    two = prepared, prepared.refit
    known, both = ({part: data.part(part) for part in PARTS} for data in two)
    names = [[field.name for field in data.schema.sparse] for data in two]
    places = [[of.index(field) for field in FIELDS] for of in names]
    sizes = [[data.schema.sparse[at].size for at in of] for data, of in zip(two, places, strict=True)]
    found = {"popularity": [scores(both["test"], popularity(both["train"], both["test"], places[1][1]))]}
    for loss in ("log-loss", "pairwise"):
        for seed in arguments.seeds:
            chosen = epochs_of(Machine(sizes[0], places[0], loss, seed), known["train"], known["validation"])
            machine = Machine(sizes[1], places[1], loss, seed)
            for _ in range(chosen):
                machine.epoch(both["train"])
            with torch.no_grad():
                logits = machine.logits(both["test"]).numpy()
            found.setdefault(f"factorisation machine, {loss}", []).append(scores(both["test"], logits))
    for run in arguments.runs:
        test = read_record(run, REGISTRY).read(Result).test["long_view"].others
        found.setdefault("automtl search", []).append([test[name].value for name in NAMES])
    for model, values in sorted(found.items(), key=lambda item: -fmean(v[-1] for v in item[1])):
        columns = zip(*values, strict=True)
        cells = [f"{fmean(c):.4f} ± {stdev(c) if len(c) > 1 else 0:.4f}" for c in columns]
        print(f"{model:40} {'  '.join(cells)}  {len(values)} seeds")
    if arguments.out:
        arguments.out.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
