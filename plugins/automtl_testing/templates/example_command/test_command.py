from pathlib import Path

import pytest
from automtl_core.plugin import InputMissingError
from automtl_testing import check_command

from example_command.command import scores


def test_contract() -> None:
    check_command(scores, "example-command")


def test_a_folder_without_a_run_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputMissingError):
        scores(tmp_path)
