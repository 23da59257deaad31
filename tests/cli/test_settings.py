"""The command that explains settings; options and files as layers of a configuration."""

from pathlib import Path

import pytest
from failures import STRATEGY

from automtl_cli.configuration import layers
from automtl_cli.options import Configuration, Execution
from automtl_cli.settings import written
from automtl_core.errors import UsageError
from automtl_core.registry.kinds import SPACES, STRATEGIES
from automtl_core.registry.plugins import load_registry


def test_what_tuning_draws_from_stands_beside_what_a_setting_takes(automtl):
    shown = automtl("list", "training").out
    (line,) = [line for line in shown.splitlines() if line.startswith("learning_rate ")]
    assert "a number above 0; tuned over 0.0005 to 0.008, log scale" in line


def test_the_settings_of_a_component_within_a_part_have_its_key(automtl):
    found = automtl("list", "balancer", "cagrad", "--json").json()
    assert (found["key"], [each["name"] for each in found["settings"]]) == ("training.balancer", ["c"])
    assert "--set training.balancer.c=VALUE" in automtl("list", "balancer", "cagrad").out
    assert "--set training.losses.TASK.gamma=VALUE" in automtl("list", "loss", "focal").out
    assert "uncertainty" in automtl("list", "balancer", "--json").json()


def test_what_is_inside_of_a_mapping_is_explained(automtl):
    found = automtl("list", "dataset", "table", "--json").json()
    names = [setting["name"] for setting in found["settings"]]
    assert names.index("labels.NAME.kind") == names.index("labels") + 1
    assert names.index("split") > names.index("duplicates"), "its own come first"


@pytest.mark.parametrize("kind", [SPACES, STRATEGIES])
def test_without_a_name_there_are_the_names(automtl, kind):
    assert set(automtl("list", kind.name, "--json").json()) == set(load_registry().names(kind))


def test_settings_of_another_plugin_are_safe_to_print(automtl, install):
    install(STRATEGY, "mine")
    shown = automtl("list", "strategy", "mine").out
    assert "weight   1e-06    a number  What it \\x1b[31m weighs." in shown


def test_values_are_written_as_in_yaml():
    values = [None, [], {}, True, 1e-6, 2048, "a", ["a", 1], {"a": [0.5]}]
    assert list(map(written, values)) == [
        "-", "-", "-", "true", "1e-06", "2048", "a", "[a, 1]", "{a: [0.5]}",
    ]  # fmt: skip


def test_a_bare_name_stands_for_what_it_names(automtl, here):
    (here / "mine.yaml").write_text("space: desan\nstrategy: random\ndataset: {name: synthetic, rows: 500}\n")
    options = ("--set", "space.layers=1", "--set", "space=desan", "--dry-run", "--json")
    config = automtl("search", "mine.yaml", *options).json()["config"]
    assert (config["space"]["name"], config["space"]["layers"]) == ("desan", 1)
    assert config["strategy"]["candidates"] == 8
    assert config["dataset"]["rows"] == 500


@pytest.fixture
def shop(tmp_path, monkeypatch):
    """Return a function that writes shop.yaml with a folder of prepared data, and works beside it."""
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)

    def written(folder):
        Path("shop.yaml").write_text(f"dataset: synthetic\nprepared_dir: {folder}\n")
        return Path("shop.yaml")

    return written


@pytest.mark.parametrize("folder", ["../../x", "/x", "a/../../x", ".."])
def test_a_file_does_not_name_a_folder_to_write_to_elsewhere(shop, folder):
    with pytest.raises(UsageError) as error:
        layers(Configuration(file=shop(folder)), {})
    assert str(error.value).startswith(f"shop.yaml: prepared_dir: {folder!r} is outside")
    assert f"--set prepared_dir={folder}" in error.value.fix


def test_a_folder_within_or_on_the_command_line_is_the_choice_of_the_user(shop, tmp_path):
    for folder in ("prepared", "a/../b", str(Path.cwd() / "here")):
        layers(Configuration(file=shop(folder)), {})
    for folder in ("../../x", "/x"):
        chosen = Configuration(file=shop("../y"), settings=[f"prepared_dir={folder}"])
        assert layers(chosen, {}).all[-1] == {"prepared_dir": folder}


def test_settings_of_an_engine_are_no_settings_of_the_run():
    own = Configuration(
        settings=[
            "engine=processes",
            "seed=3",
            "engine.address=auto",
            "engine.share=0.5",
            " engine.threads = 2",
        ]
    )
    made = layers(own, {}, Execution(workers=2))
    assert made.all[-1] == {"seed": 3}
    assert made.engine == {"name": "processes", "address": "auto", "share": 0.5, "threads": 2}
    assert layers(Configuration(), {}, Execution()).engine is None
