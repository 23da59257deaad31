"""The architecture of a run is trained anew, also on data that grew."""

import json

import pytest

from automtl_core.run_dir.run import Run

SETTINGS = """
data_dir: .
dataset: {name: table, files: shop.csv, sparse: [user, item], labels: [click, buy]}
space: {experts: 2, embedding_dim: 4, expert_width: 8, ops: [identity, mlp-8]}
strategy: {name: random, candidates: 2, rung_epochs: 1}
training: {epochs: 2, batch_size: 64, min_positives: 1}
"""


@pytest.fixture
def found(automtl, here):
    """Give a folder with a run, and a function that writes the table with so many users."""

    def write(folder, users):
        folder.mkdir(exist_ok=True)
        rows = [f"{k % users},{k % 7},{k * k % 3 % 2},{k % 5 % 2}" for k in range(400)]
        (folder / "shop.csv").write_text("\n".join(["user,item,click,buy", *rows]) + "\n")

    write(here, 20)
    (here / "shop.yaml").write_text(SETTINGS)
    assert automtl("search", "--config", "shop.yaml", "--name", "first").code == 0
    return here, write


def test_each_seed_is_a_run_of_the_same_architecture(automtl, found):
    here, _ = found
    told = automtl("retrain", "runs/first", "--seeds", "2", "--json").json()
    assert [run["run"] for run in told["runs"]] == ["runs/first-retrained-1", "runs/first-retrained-2"]
    assert [run["seed"] for run in told["runs"]] == [0, 1]
    assert told["best"] in ("runs/first-retrained-1", "runs/first-retrained-2")
    first, again = (Run.open(here / "runs" / name).architecture() for name in ("first", "first-retrained-2"))
    assert first == again
    assert "best on validation rows: runs/first-retrained-" in automtl("retrain", "runs/first").out


def test_vocabularies_follow_data_that_grew(automtl, found):
    here, write = found
    write(here / "later", 60)
    told = automtl(
        "retrain", "runs/first", "--data-dir", "later", "--set", "training.epochs=1", "--json"
    ).json()
    (run,) = (Run.open(here / each["run"]) for each in told["runs"])
    assert run.architecture() == Run.open(here / "runs" / "first").architecture()
    sizes = {
        f["name"]: f["size"] for f in json.loads((run.path / "data.json").read_text())["schema"]["sparse"]
    }
    assert sizes["user"] > 21
    assert run.config().training.epochs == 1
    assert automtl("retrain", "runs/first", "--data-dir", "nowhere").code == 66
