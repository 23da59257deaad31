"""Completions of the shell."""

import os
import subprocess
import sys

import pytest


@pytest.fixture
def complete(tmp_path):
    """Return the completions of the last word of a command."""
    (tmp_path / "runs" / "feed").mkdir(parents=True)
    (tmp_path / "runs" / "feed" / "config.yaml").touch()
    (tmp_path / "runs" / "other").mkdir()

    def complete(line: str) -> set[str]:
        words = {"COMP_WORDS": line, "COMP_CWORD": str(line.count(" ")), "_AUTOMTL_COMPLETE": "complete_bash"}
        command = [sys.executable, "-P", "-m", "automtl_cli"]
        done = subprocess.run(
            command, env={**os.environ, **words}, cwd=tmp_path, capture_output=True, text=True, check=True
        )
        return set(done.stdout.split())

    return complete


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("automtl search --strategy pd", {"pd-darts", "pd-darts-entropy"}),
        ("automtl search --strategy random --set strategy.c", {"strategy.candidates="}),
        ("automtl train --set training.patienc", {"training.patience="}),
        ("automtl compare --models mmoe,sh", {"mmoe,shared-bottom"}),
        ("automtl show runs/", {"runs/feed"}),
        ("automtl settings strategy da", {"darts"}),
        ("automtl data describe qb", {"qb-video"}),
    ],
)
def test_names_runs_and_settings_are_completed(complete, line, expected):
    assert complete(line) == expected
