"""The command `automtl board`."""

import pandas as pd
import pytest
from boards import ROWS, predictions, written


@pytest.fixture
def board(here):
    """Return the options that name a board."""
    return ["--board", written(here / "board.parquet")]


def test_the_board_is_shown_with_the_best_model_first(automtl, board):
    found = automtl("board", *board, "--json").json()
    assert found["ranks"] == {"good": 1.0, "fair": 2.0, "poor": 3.0}
    assert [*found["scores"]["optimum"]] == ["shop"]
    lines = automtl("board", *board).out.splitlines()
    assert [line.split()[0] for line in lines[2:6]] == ["good", "fair", "poor", "optimum"]
    good = found["scores"]["good"]["shop"]
    assert f"{good['mean']:.4f} ± {good['spread']:.4f}" in lines[2]


def test_a_model_is_judged(automtl, board, here):
    name = predictions(here, 0.7)
    text = automtl("board", name, *board).out
    assert "mine.csv: mean rank" in text
    verdicts = {line.split()[0]: line.split()[-1] for line in text.splitlines() if "[" in line}
    assert verdicts == {"good": "behind", "fair": "level", "poor": "ahead"}
    assert "95 % interval for all 6 differences together" in text
    found = automtl("board", name, *board, "--json").json()
    assert {one["model"]: one["verdict"] for one in found["against"]} == verdicts
    alone = automtl("board", predictions(here, 0.7, seeds=(7,), problems=("feed",)), *board).out
    assert "AUC by problem" not in alone
    assert "GAUC" not in alone


def test_the_rows_of_a_problem_are_written(automtl, board, here):
    assert automtl("board", *board, "--rows", "shop", "--out", "rows.csv").code == 0
    rows = pd.read_csv(here / "rows.csv")
    assert [*rows] == ["problem", "row", "unit", "click", "buy"]
    assert rows.row.tolist() == [3 * k for k in range(ROWS)]
    automtl("board", *board, "--rows", "feed", "--out", "rows.csv")
    assert "unit" not in pd.read_csv(here / "rows.csv")


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (["--rows", "shop"], 2, "--rows and --out belong together"),
        (
            ["mine.csv", "--rows", "shop", "--out", "rows.csv"],
            2,
            "--rows writes rows, and judges no predictions",
        ),
        (["--rows", "shops", "--out", "rows.csv"], 2, "no problem is called 'shops' (did you mean 'shop'?)"),
        (["none.csv"], 66, "none.csv"),
        (["--board", "none.parquet"], 66, "none.parquet: there is no board"),
        (["board.parquet"], 65, "predicts no task of shop"),
    ],
)
def test_errors_have_the_exit_codes_of_their_kind(automtl, board, options, code, message):
    ended = automtl("board", *board, *options)
    assert (ended.code, ended.out) == (code, "")
    assert message in ended.err
