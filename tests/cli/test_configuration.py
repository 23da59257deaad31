"""Options and files as layers of a configuration."""

from pathlib import Path

import pytest

from automtl_cli.configuration import layers
from automtl_cli.options import Configuration, Execution
from automtl_core.errors import UsageError


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
        layers(Configuration(config=shop(folder)), {})
    assert str(error.value).startswith(f"shop.yaml:2: prepared_dir: {folder!r} is outside")
    assert f"--set prepared_dir={folder}" in error.value.fix


def test_a_folder_within_or_on_the_command_line_is_the_choice_of_the_user(shop, tmp_path):
    for folder in ("prepared", "a/../b", str(Path.cwd() / "here")):
        layers(Configuration(config=shop(folder)), {})
    for folder in ("../../x", "/x"):
        chosen = Configuration(config=shop("../y"), settings=[f"prepared_dir={folder}"])
        assert layers(chosen, {}).all()[-1] == {"prepared_dir": folder}


def test_settings_of_an_engine_are_no_settings_of_the_run():
    own = Configuration(settings=["seed=3", "engine.gpus=0.5", " engine.cpus = 2"])
    made = layers(own, {}, Execution(workers=2, engine="ray", address="auto"))
    assert made.all()[-1] == {"seed": 3}
    assert made.engine == {"name": "ray", "address": "auto", "gpus": 0.5, "cpus": 2}
    assert layers(Configuration(), {}, Execution()).engine is None
