"""Commands that are disturbed, and the data, settings and files that belong to them."""

import hashlib
import json
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

ROWS = 240
CONFIG = """\
dataset: {name: table, files: d.csv, sparse: [user, item], labels: [click, buy]}
data_dir: .
features: ids
training: {epochs: 3, batch_size: 64, min_positives: 1}
"""
SPACE = "space: {name: desan, embedding_dim: 4, experts: 2, blocks: 1, members: 1, ops: [identity, mlp-8]}\n"
STRATEGIES = {
    "pd-darts": "epochs: 4, steps: 15, rounds: 1, rung_epochs: 1",
    "random": "candidates: 3, rung_epochs: 1",
    "darts": "epochs: 3",
    "study": "trials: 3, batch: 2, landmarks: 1, rung_epochs: 1",
}
"""Built-in strategies, with settings that let a search end within a second."""
VOLATILE = (
    "log.txt", "status.json", "costs.json", "environment.json", "behaviour.json", ".lock",
    "compare.csv", "compare.md", "report.html", "checkpoint.safetensors", "checkpoint.before.safetensors",
)  # fmt: skip
"""Files that hold times, or that a disturbed command may write once more."""


@dataclass(frozen=True)
class Subject:
    """A command that is disturbed.

    Args:
        name: Its name in the table of docs/reliability.md.
        words: The command.
        again: The command that goes on after it was killed.
        prepare: Commands before it.
        products: What it writes, below its folder.
        share: Number of its cases, about in inverse proportion to its seconds.

    """

    name: str
    words: Sequence[str]
    again: Sequence[str]
    prepare: Sequence[Sequence[str]] = ()
    products: Sequence[str] = ("runs",)
    share: float = 1.0


TRAIN = (
    "train", "--model", "mmoe", "--set", "space.experts=1", "train.yaml",
    "--name", "a", "--seed", "1",
)  # fmt: skip
MEAN = (
    "train", "--model", "average", "--set", "space.models=[mmoe, {name: shared-bottom, members: 2}]",
    "--set", "refit=true", "train.yaml",
    "--name", "a", "--seed", "1",
)  # fmt: skip
"""All that a training may have: several networks, and a refit."""
PREPARE = ("data", "describe", "train.yaml", "--rows", "1")
COMPARE = ("compare", "--models", "shared-bottom,mmoe", "train.yaml", "--seeds", "1", "--out=cmp")
PREDICT = ("predict", "runs/a", "d.csv", "--out", "out.csv")
DAYS = (tuple("first" if word == "a" else word for word in TRAIN), ("update", "runs/first", "e.csv"))
UPDATE = ("update", "runs/first-updated-1", "f.csv", "--replay", "0.5", "--out", "runs/a")
EXPORT = ("export", "runs/a", "--out", "out")
EVALUATE = ("evaluate", "runs/a", "d.csv")
REPORT = ("report", "runs/a", "--out", "out.html")


def _search(strategy, share):
    words = ("search", f"{strategy}.yaml", "--name", "a", "--seed", "1")
    again = ("search", "--resume", "runs/a")
    return Subject(f"search {strategy}", words, again, [PREPARE], share=share)


SHARES = {"pd-darts": 0.8, "random": 0.9, "darts": 1.8, "study": 0.5}


ALONE = {
    subject.name: subject
    for subject in (
        *(_search(name, share) for name, share in SHARES.items()),
        Subject("train", TRAIN, ("train", "--resume", "runs/a"), [PREPARE], share=2.8),
        Subject("train a mean", MEAN, ("train", "--resume", "runs/a"), [PREPARE], share=0.8),
        Subject("update", UPDATE, ("train", "--resume", "runs/a"), [PREPARE, *DAYS], ["runs/a"], 1.5),
        Subject("compare", COMPARE, COMPARE, [PREPARE], ["cmp"], 0.3),
        Subject("preparation", PREPARE, PREPARE, (), ["prepared"], 2.7),
        Subject("predict", PREDICT, PREDICT, [PREPARE, TRAIN], ["out.csv"]),
        Subject("export", EXPORT, EXPORT, [PREPARE, TRAIN], ["out"], 0.2),
        Subject("report", REPORT, REPORT, [PREPARE, TRAIN], ["out.html"], 0.4),
    )
}


def _with(name, share):
    """Return a subject with two workers."""
    alone = ALONE[name]
    words, again = ([*command, "--workers", "2"] for command in (alone.words, alone.again))
    return replace(alone, name=f"{name} with two workers", words=words, again=again, share=share)


WORKERS = {subject.name: subject for subject in (_with("search random", 0.12), _with("compare", 0.06))}
SUBJECTS = {**ALONE, **WORKERS}


def write_inputs(folder):
    """Write the data and the settings of all subjects."""
    draw = random.Random(0)
    for day, name in enumerate("def"):
        lines = ["user,item,click,buy"]
        for _ in range(ROWS):
            user, item = draw.randint(0, 19) + day, draw.randint(0, 9) + day
            click = draw.random() < 0.2 + 0.6 * ((user + item) % 3 == 0)
            lines.append(f"u{user},i{item},{click:d},{click and draw.random() < 0.5:d}")
        (folder / f"{name}.csv").write_text("\n".join(lines) + "\n")
    (folder / "train.yaml").write_text(CONFIG)
    for name, settings in STRATEGIES.items():
        strategy = f"strategy: {{name: {name}, {settings}}}\n"
        (folder / f"{name}.yaml").write_text(CONFIG + SPACE + strategy)


def product(folder, names):
    """Return the digest of each file that a command wrote, but for those that hold times."""
    found = {}
    for name in names:
        paths = sorted((folder / name).rglob("*")) if (folder / name).is_dir() else [folder / name]
        for path in paths:
            if path.is_file() and path.name not in VOLATILE:
                content = path.read_bytes()
                if path.name == "compare.json":
                    content = json.dumps(_timeless(json.loads(content))).encode()
                found[str(path.relative_to(folder))] = hashlib.sha256(content).hexdigest()
    return found


def _timeless(value):
    """Return a JSON value without times, and without digests of what holds them."""
    if isinstance(value, dict):
        timed = ("sha256", "rows_per_second")
        kept = {key: item for key, item in value.items() if key not in timed and "seconds" not in key}
        return {key: _timeless(item) for key, item in kept.items()}
    return [_timeless(item) for item in value] if isinstance(value, list) else value
