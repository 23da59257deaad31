import random
from pathlib import Path

import pytest

from automtl_example_dataset import MovieLens, MovieLensSettings
from automtl_testing import check_dataset

MOVIES = """movieId,title,genres
1,Toy Story (1995),Adventure|Animation|Children
2,"American President, The (1995)",Comedy|Drama
3,Heat (1995),Action
"""


@pytest.mark.parametrize("split", ["random", "time"])
def test_contract(tmp_path: Path, split: str) -> None:
    draw = random.Random(0)
    ratings = (f"{draw.randrange(20)},{draw.randrange(1, 4)},{draw.randrange(1, 11) / 2}" for _ in range(300))
    lines = [f"{rating},{964982703 + 60 * minute}" for minute, rating in enumerate(ratings)]
    (tmp_path / "ratings.csv").write_text("\n".join(["userId,movieId,rating,timestamp", *lines, ""]))
    (tmp_path / "movies.csv").write_text(MOVIES)
    check_dataset(MovieLens(MovieLensSettings.parse({"split": split})), tmp_path, tmp_path / "work")
