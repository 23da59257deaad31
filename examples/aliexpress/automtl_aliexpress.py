"""AliExpress: clicks and purchases on pages of search results in five countries, with a published test set.

A country has a table of pages (user and query) and a table of the items on them, each for training and for
the test. Files have no header, and the publisher numbers their columns from 1 on. Column 1 is the id of the
page in both tables. The last column of an item is 0, 1 for a click, or 2 for a purchase.
"""

from collections.abc import Mapping
from typing import Literal

import duckdb

from automtl_core.plugin import (
    NUMBER,
    TEXT,
    Column,
    Dataset,
    DatasetSettings,
    Dense,
    Label,
    RawFile,
    Sparse,
    hookimpl,
)

PAGE, FEEDBACK = "search_id", "feedback"
PAGES = (PAGE, *(f"user_{place}" for place in range(2, 34)))
ITEMS = (PAGE, *(f"item_{place}" for place in range(2, 49)), FEEDBACK)
"""Columns of the tables of pages and of items."""
SPARSE = (
    *(f"user_{place}" for place in (2, 3, 4, 5, 6, 7, 8, 32, 33)),
    *(f"item_{place}" for place in (19, 34, 35, 36, 40, 41, 42)),
)
DENSE = tuple(name for name in (*PAGES, *ITEMS) if name not in (PAGE, FEEDBACK, *SPARSE))
PARTS = ("train", "test")


class AliExpressSettings(DatasetSettings):
    """Settings of `aliexpress`."""

    country: Literal["NL", "ES", "FR", "US", "RU"] = "NL"
    """Country of the rows: Netherlands, Spain, France, United States or Russia."""


class AliExpress(Dataset[AliExpressSettings]):
    """Clicks and purchases on search results of a shop: one row for each item on a page.

    `dataset.list=search_id` ranks the items of a page. The id of a page is no input.
    """

    version = 1
    source = "https://tianchi.aliyun.com/dataset/74690 (aliexpress_NL_datasets.zip and so on, unpacked)"
    licence = "for research, see the terms there"
    preparation = (
        "Items are joined with their pages. 16 fields are categorical and 63 are numbers, as in public "
        "benchmarks. The test rows are those of the publisher, which are later; a tenth of the training rows "
        "is for validation."
    )
    fields = (*map(Sparse, SPARSE), *map(Dense, DENSE))
    labels = (Label("click"), Label("conversion", after="click"))
    part = "part"

    def files(self) -> Mapping[str, RawFile]:
        """Return the tables of pages and of items of both parts, in any folder."""
        country = self.settings.country.lower()
        kinds = dict.fromkeys(SPARSE, TEXT) | dict.fromkeys(DENSE, NUMBER)
        kinds |= {PAGE: Column(required=True), FEEDBACK: Column("integer", ("0", "1", "2"), required=True)}
        tables = {"user": PAGES, "item": ITEMS}
        return {
            f"{table}_{part}": RawFile(
                f"**/{country}_{table}_{part}.csv",
                {name: kinds[name] for name in columns},
                header=False,
                alone=True,
            )
            for part in PARTS
            for table, columns in tables.items()
        }

    def rows(self, db: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyRelation:
        """Join the items of each part with their pages."""
        return db.sql(
            " UNION ALL ".join(
                f"SELECT *, '{part}' AS part, CAST({FEEDBACK} > 0 AS INTEGER) AS click, "
                f"CAST({FEEDBACK} = 2 AS INTEGER) AS conversion "
                f"FROM item_{part} JOIN user_{part} USING ({PAGE})"
                for part in PARTS
            )
        )


@hookimpl
def automtl_register_datasets() -> dict[str, type[AliExpress]]:
    """Register the dataset by its name."""
    return {"aliexpress": AliExpress}
