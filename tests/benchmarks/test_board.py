"""A part of the board is made, and a model is judged on it; splits and checks of the board."""

import numpy as np
import pandas as pd
import pytest

from automtl_comparison.board import judge, read
from automtl_core.registry.plugins import load_registry
from automtl_core.tasks.builtin import auc
from board import check, make, problems

FEW = {"train": 800, "validation": 200, "test": 600}


@pytest.fixture(scope="module")
def few():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(problems, "PARTS", FEW)
        yield patch


@pytest.fixture(scope="module")
def made(few, tmp_path_factory):
    """Return the file of a board of one problem, two models and one seed, and the cache that it came from."""
    folder = tmp_path_factory.mktemp("board")
    small = {"epochs": 2, "batch_size": 256, "min_positives": 20}
    few.setattr(make, "SETTINGS", {**make.SETTINGS, "training": small, "features": "ids"})
    options = f"--out {folder}/board.parquet --problems factors --models linear,shared-bottom --seeds 1"
    few.setattr(make, "ROUNDING", 1e-3)  # of so few rows
    few.setattr("sys.argv", ["make", "none", str(folder), *options.split()])
    make.main()
    return folder / "board.parquet", folder


def test_a_part_of_the_board_judges_a_model(made, tmp_path):
    file, folder = made
    load_registry()
    known = read(file)
    assert known.models == ["linear", "shared-bottom"]
    assert known.about["problems"]["factors"] == {
        "unit": "user_id",
        "split": "random",
        "seeds": 1,
        "rows": FEW,
    }
    rows = pd.read_csv(folder / "problems" / "factors" / "test.csv")
    assert [*rows] == ["row", *(f"{part}_id" for part in ("user", "item")), *rows.columns[3:]]
    assert not [column for column in rows if column.startswith(problems.TRUTH)]
    factors = known.problems["factors"]
    assert factors.rows == rows.row.tolist()
    assert factors.labels["skip"].tolist() == rows.skip.tolist()
    truth = factors.models["optimum"][0]
    rows.assign(problem="factors", click=1 / (1 + np.exp(-truth[:, 0]))).drop(columns="skip").to_csv(
        tmp_path / "best.csv", index=False
    )
    found = judge(known, str(tmp_path / "best.csv"))
    assert found.rank == 1.0
    assert found.scores["factors"]["AUC"].mean == pytest.approx(auc(rows.click, truth[:, 0]))
    assert {one.verdict for one in found.against} <= {"ahead", "level"}


def test_the_same_command_trains_nothing_again(made, capsys):
    file, folder = made
    before = file.read_bytes(), (folder / "seconds.jsonl").read_text()
    make.main()
    assert (file.read_bytes(), (folder / "seconds.jsonl").read_text()) == before
    assert "factors: 1 of 1 seeds" in capsys.readouterr().out


def test_parts_are_later_or_of_other_units(few):
    rows = pd.DataFrame({"time": np.random.default_rng(0).permutation(3000), "user": np.arange(3000) % 150})
    parts = problems.parted(rows, "time", "user")
    assert {name: len(part) for name, part in parts.items()} == FEW
    assert parts["train"].time.max() < parts["validation"].time.min()
    assert parts["validation"].time.max() < parts["test"].time.min()
    by_user = problems.parted(rows, "user", "user")
    assert len(by_user["test"]) == pytest.approx(600, abs=20)
    assert not {*by_user["train"].user} & {*by_user["test"].user}
    assert problems.parted(rows, "random", "user")["test"].row.tolist() == sorted(
        problems.parted(rows, "random", "user")["test"].row
    )


def test_a_difference_is_planted(made):
    load_registry()
    known = read(made[0]).problems["factors"]
    lower = check.worse(known._replace(models={"linear": known.models["linear"]}))
    scores = [
        np.mean([auc(of, p.models["linear"][0, :, t]) for t, of in enumerate(p.labels.values())])
        for p in (known, lower)
    ]
    assert scores[0] - scores[1] == pytest.approx(check.PLANTED, abs=0.0005)
