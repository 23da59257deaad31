from pathlib import Path

import pytest

from automtl_core.plugin import InputMissingError
from automtl_example_command import scores
from automtl_testing import check_command


def test_contract() -> None:
    check_command(scores, "example-command")


def test_a_folder_without_a_run_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputMissingError):
        scores(tmp_path)
