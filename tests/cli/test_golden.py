"""What each command prints, word by word; `pytest --update-golden` writes the files anew."""

import re
from pathlib import Path

import pandas as pd
import pytest

from automtl_cli.app import run
from automtl_cli.errors import Stop

SMALL = """
dataset: {name: table, files: feed.csv, sparse: [user, item, genre], dense: [price], labels: [click, buy],
  user: user, time: time, split: time}
features: ids
space: {layers: 1, experts: 2, blocks: 1, ops: [identity, mlp-4], embedding_dim: 4, members: 1}
training: {epochs: 2, batch_size: 100, embedding_decay: 0.01, min_positives: 1}
"""
SEARCH = "feed.yaml --data-dir . --set strategy.rivals=[linear] --set strategy.steps=4"
COMMANDS = {
    "data-init": "data init feed.csv --labels click,buy --out mine.yaml",
    "data-describe": "data describe feed.yaml --data-dir .",
    "data-export": "data export feed.yaml --data-dir . --out rows.csv",
    "dry-run": f"search {SEARCH} --dry-run",
    "search": f"search {SEARCH} --name found",
    "train": "train --model mmoe feed.yaml --data-dir . --name plain",
    "show": "show runs/found",
    "evaluate": "evaluate runs/plain",
    "evaluate-new": "evaluate runs/plain new.csv",
    "predict": "predict runs/plain new.csv --out predictions.csv",
    "update": "update runs/plain new.csv --out runs/later",
    "compare": "compare --models mmoe,shared-bottom feed.yaml --data-dir . --seeds 2 --out two",
    "compare-on": "compare --on new.csv --models runs/plain,runs/found",
    "report": "report runs/plain --out page.html",
    "export": "export runs/plain --format torch --out served",
    "runs": "list runs",
    "evaluate-drift": "evaluate runs/plain new.csv --drift",
    "list": "list datasets",
    "settings": "list balancers cagrad",
    "plugins": "plugins",
    "unknown": "search --dataset ijcai16",
}
"""Name of a file -> a command, in the order in which they run."""
MASKS = (
    (r"\S*/(?=feed\.csv|mine\.yaml|golden\d*)", "FOLDER/"),
    (r"\b\d{4}-\d\d-\d\d([ T]\d\d:\d\d(:\d\d)?)?", "DATE"),
    (r"\b[0-9a-f]{16,64}\b", "DIGEST"),
    (r"\b\d+\.\d+\.\d+\b", "VERSION"),
    (r"[-+]?(\b\d[\d,]*|(?<![\w.]))\.\d+(e[-+]?\d+)?\b", "#"),
    (r"\b\de-\d\d\b", "#"),
    (r"\b\d+(?= (s|ms|min|rows/s|MiB|MB|KiB|kB)\b)", "#"),
    (r"[ ]{2,}", "  "),
    (r"(?m)^time  .*$", "time"),
    (r"-{3,}|─{3,}|━{3,}", "---"),
)
"""What differs between machines, and what stands for it: measured numbers, times, folders."""

PROGRESS = re.compile(
    r"^((?!cell )[\w -]+ \d+: .*|preparing.*|reading.*|permutation.*|encoding.*)\n", re.MULTILINE
)
"""Lines that come by time."""


def feed(rows: int, seed: int, first: int) -> pd.DataFrame:
    """Return rows whose clicks follow from their values; the time begins at `first`."""
    import numpy as np

    draw = np.random.default_rng(seed)
    user, item = draw.integers(0, 20, rows), draw.integers(0, 15, rows)
    price = draw.normal(size=rows).round(2)
    click = draw.random(rows) < 1 / (1 + np.exp(-(user % 3 - 1) - (item % 2) + price))
    return pd.DataFrame(
        {
            "user": [f"u{one}" for one in user],
            "item": [f"i{one}" for one in item],
            "genre": [f"g{one % 4}" for one in item],
            "price": price,
            "time": first + np.arange(rows) * 60,
            "click": click.astype(int),
            "buy": (click & (draw.random(rows) < 0.5)).astype(int),
        }
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a table, later rows, and settings."""
    made = tmp_path_factory.mktemp("golden")
    feed(1200, 0, 1_700_000_000).to_csv(made / "feed.csv", index=False)
    feed(400, 1, 1_700_100_000).to_csv(made / "new.csv", index=False)
    (made / "feed.yaml").write_text(SMALL)
    return made


def masked(text: str) -> str:
    """Return a text without what differs between machines."""
    for pattern, sign in MASKS:
        text = re.sub(pattern, sign, text)
    return "\n".join(line.rstrip() for line in text.splitlines()) + "\n"


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_prints_its_golden_file(name, folder, monkeypatch, capsys, golden):
    monkeypatch.chdir(folder)
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    code, (out, err) = run(COMMANDS[name].split(), Stop()), capsys.readouterr()
    lines = out.splitlines() if name in ("search", "train", "update") else []
    assert sum(max(1, -(-len(line) // 100)) for line in lines) <= 25, "at 100 columns"
    text = masked(f"$ automtl {COMMANDS[name]}\n{out}--- standard error, exit code {code}\n{err}")
    golden(f"{name}.txt", PROGRESS.sub("", text))
