"""The lines of Python in the README run, as a script and in a notebook."""

import re
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import pytest
from nbclient import NotebookClient

README = (Path(__file__).parents[2] / "README.md").read_text()
(CODE,) = re.findall(r"^## From Python\n\n```python\n(.*?)^```$", README, flags=re.DOTALL | re.MULTILINE)
QUICK = {
    "space": {"experts": 2, "embedding_dim": 4, "ops": ["identity", "mlp-8"]},
    "strategy": {"name": "random", "candidates": 2, "rung_epochs": 1},
    "training": {"epochs": 1},
}


@pytest.fixture
def lines(tmp_path, monkeypatch):
    """Give the lines with small settings, in a folder with the file that they read."""
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(0)
    click = random.integers(0, 2, 1000)
    user, like = random.integers(0, 30, 1000), click * random.integers(0, 2, 1000)
    pd.DataFrame({"user_id": user, "click": click, "like": like}).to_csv("feed.csv", index=False)
    return CODE.replace("labels=", f"settings={QUICK!r}, labels=")


def test_six_lines_run_in_a_notebook(lines):
    assert len([line for line in CODE.splitlines() if line]) <= 6
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(part) for part in (lines, "run")])
    done = NotebookClient(notebook, timeout=120).execute()
    printed, shown = (cell.outputs for cell in done.cells)
    assert "auc" in str(printed)
    assert "| task | test AUC |" in shown[0].data["text/markdown"]
