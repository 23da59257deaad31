"""Ratings of movies, in the files of ml-latest-small."""

from collections.abc import Mapping

import duckdb
from pydantic import Field

from automtl_core.plugin import (
    INTEGER,
    NUMBER,
    TEXT,
    UNUSED,
    Bag,
    Dataset,
    DatasetSettings,
    History,
    Label,
    RawFile,
    Sparse,
    hookimpl,
)

ROWS = """
    SELECT DISTINCT
        userId AS user_id, movieId AS movie_id, genres, timestamp AS seconds,
        rating, rating >= $liked AS liked, rating = 5 AS favourite
    FROM ratings JOIN movies USING (movieId)
"""
GENRES = "SELECT DISTINCT genres AS bag, unnest(string_split(genres, '|')) AS value FROM movies"


class MovieLensSettings(DatasetSettings):
    """Settings of the dataset."""

    liked: float = Field(4, ge=0.5, le=5)
    """Lowest rating of a movie that a user likes."""


class MovieLens(Dataset[MovieLensSettings]):
    """Ratings of movies: the rating, and whether the user likes the movie or calls it a favourite."""

    version = 1  # raise it whenever the same files would result in other rows
    source = "https://grouplens.org/datasets/movielens/ (ml-latest-small.zip)"
    licence = "for research, see its README"
    fields = (Sparse("user_id"), Sparse("movie_id"), Bag("genres"))
    labels = (Label("liked"), Label("favourite", after="liked"), Label("rating", kind="regression"))
    user = "user_id"
    time = "seconds"
    histories = (History("past", "user_id", "seconds", ("movie_id",), ("liked",)),)

    def files(self) -> Mapping[str, RawFile]:
        """Return the raw files, with the columns of their headers."""
        ratings = {"userId": INTEGER, "movieId": INTEGER, "rating": NUMBER, "timestamp": INTEGER}
        movies = {"movieId": INTEGER, "title": UNUSED, "genres": TEXT}
        return {"ratings": RawFile("ratings.csv", ratings), "movies": RawFile("movies.csv", movies)}

    def rows(self, db: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyRelation:
        """Return one row for each rating."""
        return db.sql(ROWS, params={"liked": self.settings.liked})

    def values(self, db: duckdb.DuckDBPyConnection, field: str) -> duckdb.DuckDBPyRelation:
        """Return the values of each text of the multi-valued field."""
        return db.sql(GENRES)


@hookimpl
def automtl_register_datasets() -> dict[str, type[MovieLens]]:
    """Register the dataset by its name."""
    return {"example-dataset": MovieLens}
