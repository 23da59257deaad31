"""The corpus of odd files, as `records` reads them, and through the command line."""

import json
import re
from pathlib import Path
from typing import NamedTuple

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


class Ended(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str


PREPARE = ("data", "describe", "FILE", "--rows", "1")
SKIP = ("--set", "dataset.bad_rows=skip")


@pytest.fixture
def automtl(case, path, capsys, monkeypatch):
    """Run a command on the table of a case, in its folder; FILE is its settings."""
    monkeypatch.chdir(path.parent)
    dataset = {"name": "table", "files": case.file_name, **SETTINGS, **case.settings}
    config = path.with_name("my.yaml")
    config.write_text(yaml.safe_dump({"data_dir": str(path.parent), "dataset": dataset}))

    def automtl(*words):
        code = run([str(config) if word == "FILE" else word for word in words], Stop())
        ended = Ended(code, *capsys.readouterr())
        assert "Traceback" not in ended.err
        assert code == 0 or ended.err.splitlines()[-2].startswith("error: "), ended.err
        assert all(line.isprintable() for line in ended.err.splitlines())
        return ended

    return automtl


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_preparation_refuses_what_is_wrong_and_says_what_to_do(case, path, automtl):
    ended = automtl(*PREPARE)
    assert ended.code == case.exit_code, ended.err
    assert re.search(case.pattern(path), ended.err)
    if case.exit_code:
        assert re.search(case.fix, ended.err.split("  fix: ")[1])
        assert not list(path.parent.glob("prepared/*"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_preparation_leaves_out_the_rejected_rows_and_no_others(case, path, automtl):
    ended = automtl(*PREPARE, *SKIP, "--json")
    if case.exit_code and not case.rejected:
        assert ended.code == case.exit_code
        return
    made = json.loads(ended.out)["prepared"]
    assert sum(made["rows"].values()) == case.accepted
    assert made["rejected"] == case.rejected
    assert (Path(made["path"]) / "rejected.csv").exists() == bool(case.rejected)
    if case.rejected:
        fewer = f"dataset.max_bad_rows={case.rejected - 1}"
        assert automtl(*PREPARE, *SKIP, "--set", fewer).code == 65


@pytest.mark.parametrize("case", CASES[::4], ids=lambda case: case.name)
def test_a_check_counts_every_record(case, path, automtl):
    out = path.with_name("faulty.csv")
    ended = automtl("check", "FILE", "--out", str(out), "--json")
    found = {check["name"]: check for check in json.loads(ended.out)}.get("dataset table")
    if case.exit_code == 2 and found is None:
        assert ended.code == 78
        return
    assert found["status"] == ("problem" if case.accepted is None or case.rejected else "ok")
    if case.rejected and case.accepted is not None:
        assert f"{case.rejected:,} of {case.accepted + case.rejected:,} are written" in found["result"]
    elif case.accepted is not None:
        assert f"({case.accepted:,})" in found["result"]
