"""The corpus of odd files, as `records` reads them, and through the command line."""

import json
import re
from pathlib import Path

import pytest
import yaml

from automtl_cli.app import run
from automtl_cli.errors import Stop

from .corpus import CASES, SETTINGS


@pytest.fixture
def path(case, tmp_path):
    path = tmp_path / case.file_name
    path.write_bytes(case.content)
    return path


SKIP = ("--set", "dataset.bad_rows=skip")


@pytest.fixture
def describe(case, path, capsys, monkeypatch):
    """Return a function that prepares and describes the table of a case; it returns exit code and outputs."""
    monkeypatch.chdir(path.parent)
    dataset = {"name": "table", "files": case.file_name, **SETTINGS, **case.settings}
    config = path.with_name("my.yaml")
    config.write_text(yaml.safe_dump({"data_dir": str(path.parent), "dataset": dataset}))

    def describe(*more):
        code = run(["data", "describe", str(config), "--rows", "1", *more], Stop())
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        assert code == 0 or err.splitlines()[-2].startswith("error: "), err
        assert all(line.isprintable() for line in err.splitlines())
        return code, out, err

    return describe


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_preparation_refuses_what_is_wrong_and_says_what_to_do(case, path, describe):
    code, _, err = describe()
    assert code == case.exit_code, err
    assert re.search(case.pattern(path), err)
    if case.exit_code:
        assert re.search(case.fix, err.split("  fix: ")[1])
        assert not list(path.parent.glob("prepared/*"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_preparation_leaves_out_the_rejected_rows_and_no_others(case, path, describe):
    code, out, _ = describe(*SKIP, "--json")
    if case.exit_code and not case.rejected:
        assert code == case.exit_code
        return
    made = json.loads(out)["prepared"]
    assert sum(made["rows"].values()) == case.accepted
    assert made["rejected"] == case.rejected
    assert (Path(made["path"]) / "rejected.csv").exists() == bool(case.rejected)
    if case.rejected:
        fewer = f"dataset.max_bad_rows={case.rejected - 1}"
        assert describe(*SKIP, "--set", fewer)[0] == 65
