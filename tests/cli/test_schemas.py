"""The documents of `--json` are as their schemas, which all commands have."""

import json
import shutil

import boards
import jsonschema
import pytest
import typer

from automtl_cli.app import run
from automtl_cli.errors import Stop
from automtl_cli.schemas import commands, schema
from automtl_core.commands import command
from automtl_core.errors import UsageError
from automtl_core.registry.kinds import COMMANDS
from automtl_core.registry.plugins import load_registry

REGISTRY = load_registry()
SEARCH = ["--config", "small.yaml", "--set", "training.epochs=1"]
QUICK = ["--config", "quick.yaml"]
EXAMPLES = {
    "search": [SEARCH, [*SEARCH, "--dry-run"]],
    "train": [["--model", "mmoe", *QUICK], ["--model", "mmoe", *QUICK, "--dry-run"]],
    "compare": [
        ["--models", "mmoe,single-task,runs/first", *QUICK, "--seeds", "2"],
        ["--on", "new.csv", "runs/done", "runs/first", "--margin", "9"],
    ],
    "board": [
        ["--board", "board.parquet"],
        ["mine.csv", "--board", "board.parquet"],
        ["--board", "board.parquet", "--rows", "shop", "--out", "rows.csv"],
    ],
    "predict": [["runs/done", "--input", "new.csv", "--output", "out.csv"]],
    "evaluate": [["runs/done"], ["runs/done", "--input", "new.csv", "--metrics", "gauc,ndcg-5"]],
    "update": [["runs/first", "--data", "new.csv"], ["runs/first", "--data", "new.csv", "--refresh"]],
    "export": [["runs/done", "--format", "torch"]],
    "show": [["runs/done"], ["runs/done/architecture.json"]],
    "report": [["runs/done"]],
    "watch": [["runs/done"], ["comparisons/quick"]],
    "doctor": [["--config", "small.yaml"]],
    "list": [["metrics"]],
    "settings": [["training"], ["space", "desan"], ["space"]],
    "plugins": [[]],
    "plugins new": [["automtl-swish", "--kind", "op"]],
    "plugins check": [["mlp-64"]],
    "runs list": [[]],
    "config show": [SEARCH, [*SEARCH, "--origin"]],
    "config validate": [["small.yaml"], ["bad.yaml"]],
    "config init": [[]],
    "data list": [[]],
    "data show": [["kuairand"], ["synthetic"]],
    "data prepare": [["synthetic"]],
    "data describe": [["synthetic", "--set", "dataset.rows=1000"]],
    "data drift": [["runs/first", "new.csv"], ["old.csv", "new.csv"]],
    "data sample": [["synthetic", "--set", "dataset.rows=1000"]],
    "data validate": [["table", "--config", "faulty.yaml"]],
    "data export": [["synthetic", "--set", "dataset.rows=1000", "--out", "all.csv"]],
    "data init": [["new.csv"]],
}
"""Command -> arguments, for each type that its document may have."""
PLAIN = """
dataset: {name: synthetic, rows: 1000}
features: {aggregates: [item_id]}
training: {epochs: 1, batch_size: 200}
"""
FAULTS = {0, 2, 65, 80}


def with_json(function):
    """Return whether a command has the option `--json`."""
    if isinstance(function, typer.Typer):
        made = typer.main.get_group(function)
    else:
        made = command(function, "x", lambda *_: None)
    return any("--json" in option.opts for option in made.params)


def test_no_command_with_json_lacks_a_schema():
    names = {name for name in REGISTRY.names(COMMANDS) if with_json(REGISTRY.get(COMMANDS, name))}
    assert names == set(commands(REGISTRY)) == set(EXAMPLES)


@pytest.fixture(scope="module")
def worked(finished, tmp_path_factory):
    """Return a folder with runs, new rows and faulty files."""
    folder = tmp_path_factory.mktemp("schemas")
    shutil.copytree(finished, folder, dirs_exist_ok=True)
    (folder / "quick.yaml").write_text(PLAIN)
    boards.written(folder / "board.parquet")
    boards.predictions(folder, 0.7)
    (folder / "bad.yaml").write_text("training: {epochs: x}\nspace: {name: nix}\n")
    (folder / "faulty.csv").write_text("a,click\n1,1\n2,0\nx,7\n")
    (folder / "faulty.yaml").write_text(
        "data_dir: .\ndataset: {name: table, files: faulty.csv, sparse: {a: integer}, labels: [click], "
        "bad_rows: skip}\n"
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for seed, out in ((7, "old.csv"), (8, "new.csv")):
            where = ["--set", "dataset.rows=1000", "--set", f"dataset.seed={seed}", "--out", out]
            assert run(["data", "export", "synthetic", *where], Stop()) == 0
        assert run(["train", "--model", "mmoe", *QUICK, "--name", "first"], Stop()) == 0
    return folder


@pytest.mark.parametrize("name", EXAMPLES)
def test_documents_are_as_their_schema(name, worked, monkeypatch, tmp_path, automtl):
    found = schema(REGISTRY, name)
    jsonschema.Draft202012Validator.check_schema(found)
    validator = jsonschema.Draft202012Validator(found)
    monkeypatch.chdir(worked)
    for arguments in EXAMPLES[name]:
        ended = automtl(*name.split(), *arguments, "--json")
        assert ended.code in FAULTS, ended.err
        documents = [json.loads(ended.out)] if name != "watch" else map(json.loads, ended.out.splitlines())
        for document in documents:
            validator.validate(document)
            with pytest.raises(jsonschema.ValidationError):
                validator.validate({"another": [document]})


def test_the_command_prints_one_schema_or_all(automtl):
    assert automtl("schema", "runs", "list").json() == schema(REGISTRY, "runs list")
    assert set(automtl("schema").json()) == set(commands(REGISTRY))


def test_a_command_without_a_document_is_an_error():
    with pytest.raises(UsageError, match="'shw' is no command with a schema"):
        schema(REGISTRY, "shw")
