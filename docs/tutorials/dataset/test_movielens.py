import random

import pytest

from automtl_testing import check_dataset
from automtl_movielens import MovieLens, MovieLensSettings

MOVIES = """movieId,title,genres
1,Toy Story (1995),Adventure|Animation|Children
2,"American President, The (1995)",Comedy|Drama
3,Heat (1995),Action
"""


@pytest.fixture
def folder(tmp_path):
    """Return a folder with 300 ratings of 20 users, in the layout of the publisher."""
    draw = random.Random(0)
    ratings = (f"{draw.randrange(20)},{draw.randrange(1, 4)},{draw.randrange(1, 11) / 2}" for _ in range(300))
    lines = [f"{rating},{964982703 + 60 * minute}" for minute, rating in enumerate(ratings)]
    (tmp_path / "ratings.csv").write_text("\n".join(["userId,movieId,rating,timestamp", *lines, ""]))
    (tmp_path / "movies.csv").write_text(MOVIES)
    return tmp_path


@pytest.mark.parametrize("split", ["random", "time"])
def test_movielens(folder, tmp_path, split):
    check_dataset(MovieLens(MovieLensSettings(split=split)), folder, tmp_path / "work")
