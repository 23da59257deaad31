"""A part of the board is made and read; splits, statistics and checks of the board."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import stdtrit

from automtl_core.registry.plugins import load_registry
from automtl_core.tasks.builtin import auc
from board import check, make, problems
from board.read import Trainings, read, trainings, unpaired

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


def test_a_part_of_the_board_has_the_scores_of_its_models(made):
    file, folder = made
    load_registry()
    known = read(file)
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
    assert [*factors.models] == ["linear", "shared-bottom", "optimum"]
    truth = factors.models["optimum"][0]
    scores = [auc(of, truth[:, place]) for place, of in enumerate(factors.labels.values())]
    assert trainings(factors)["optimum"].scores == pytest.approx([np.mean(scores)])


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


def test_seeds_that_are_no_pairs_add_their_variances():
    def of(*scores):
        return Trainings(np.array(scores), np.zeros((len(scores), 5)))

    found = unpaired([(of(0.72, 0.74), of(0.70, 0.71, 0.72, 0.71), 0.0)])
    # variances of the means: .0002 / 2 and .0000667 / 4, with 1 and 3 degrees of freedom
    error = (0.0001 + 0.0000667 / 4) ** 0.5
    freedom = error**4 / (0.0001**2 + (0.0000667 / 4) ** 2 / 3)
    assert found.mean == pytest.approx(0.02)
    assert found.high - found.mean == pytest.approx(stdtrit(freedom, 0.975) * error, rel=1e-3)
    alone = unpaired([(of(0.73), of(0.71), 0.0001)] * 4)
    assert alone.high - alone.mean == pytest.approx(1.96 * (2 * 0.0001 / 4) ** 0.5, rel=1e-3)


def test_the_variance_over_trainings_is_without_that_of_rows():
    random = np.random.default_rng(0)
    by_unit = random.standard_normal((400, 300)) * 0.1 / 300**0.5  # an error of .1 by rows alone
    scores = random.standard_normal(400) * (0.1**2 + 0.2**2) ** 0.5
    found = [
        Trainings(*of).variance for of in zip(np.split(scores, 100), np.split(by_unit, 100), strict=True)
    ]
    assert np.mean(found) == pytest.approx(0.2**2, abs=0.012)
    assert Trainings(np.array([0.7]), by_unit[:1]).variance is None
