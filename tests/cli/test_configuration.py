"""Options and files as layers of a configuration."""

from pathlib import Path

import pytest

from automtl_cli.configuration import layers
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
        layers(None, shop(folder), {}, None)
    assert str(error.value).startswith(f"shop.yaml:2: prepared_dir: {folder!r} is outside")
    assert f"--set prepared_dir={folder}" in error.value.fix


def test_a_folder_within_or_on_the_command_line_is_the_choice_of_the_user(shop, tmp_path):
    for folder in ("prepared", "a/../b", str(Path.cwd() / "here")):
        layers(None, shop(folder), {}, None)
    for folder in ("../../x", "/x"):
        assert layers(None, shop("../y"), {}, [f"prepared_dir={folder}"])[-1] == {"prepared_dir": folder}
