"""Help of all commands, exports, and runs that are trained again on data that grew."""

import json

from automtl_core.run_dir.run import Run


def test_help_is_short_for_every_command(automtl):
    for command in ([], ["data"]):
        ended = automtl(*command, "-h")
        assert ended.code == 0
        assert "..." not in ended.out.split("Commands:")[1]
    assert "complete" in automtl("--show-completion", "bash").out


def test_an_export_is_never_overwritten_and_its_folder_is_quoted(automtl, finished, here):
    (here / "runs").symlink_to(finished / "runs")
    export = ("export", "runs/done", "--format", "torch", "--out", "my net")
    assert automtl(*export).out.endswith("next: python 'my net/example.py'\n")
    assert automtl(*export).code == 73


SETTINGS = """
data_dir: .
dataset: {name: table, files: shop.csv, sparse: [user, item], labels: [click, buy]}
space: {experts: 2, embedding_dim: 4, expert_width: 8, ops: [identity, mlp-8]}
strategy: {name: random, candidates: 2, rung_epochs: 1}
training: {epochs: 2, batch_size: 64, min_positives: 1}
"""


def write(folder, users):
    """Write the table with so many users."""
    folder.mkdir(exist_ok=True)
    rows = [f"{k % users},{k % 7},{k * k % 3 % 2},{k % 5 % 2}" for k in range(400)]
    (folder / "shop.csv").write_text("\n".join(["user,item,click,buy", *rows]) + "\n")


def test_vocabularies_follow_data_that_grew(automtl, here):
    write(here, 20)
    (here / "shop.yaml").write_text(SETTINGS)
    assert automtl("search", "shop.yaml", "--name", "first").code == 0
    write(here / "later", 60)
    words = ("train", "--model", "runs/first", "--data-dir")
    made = automtl(*words, "later", "--set", "training.epochs=1", "--name", "again", "--json")
    run = Run.open(here / made.json()["run"])
    assert run.architecture() == Run.open(here / "runs" / "first").architecture()
    fields = json.loads((run.path / "data.json").read_text())["schema"]["sparse"]
    assert {field["name"]: field["size"] for field in fields}["user"] > 21
    assert run.config().training.epochs == 1
    assert automtl(*words, "nowhere").code == 66
