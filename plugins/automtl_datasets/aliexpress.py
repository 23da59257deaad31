"""AliExpress: clicks and purchases on pages of search results in five countries, with a published test set.

A country has a table of pages (user and query) and a table of the items on them, each for training and for
the test. Files have no header, and the publisher numbers their columns from 1 on. Column 1 is the id of the
page in both tables. The last column of an item is 0, 1 for a click, or 2 for a purchase.
"""

from collections.abc import Mapping, Sequence
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
    Published,
    RawFile,
    Sparse,
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
MTRECLIB = {
    "NL": {
        "single-task": (0.7222, 0.8590), "shared-bottom": (0.7228, 0.8511), "OMoE": (0.7254, 0.8611),
        "MMoE": (0.7234, 0.8606), "PLE": (0.7292, 0.8591), "AITM": (0.7240, 0.8577),
        "MetaHeac": (0.7263, 0.8615),
    },
    "ES": {
        "single-task": (0.7266, 0.8855), "shared-bottom": (0.7287, 0.8866), "OMoE": (0.7253, 0.8859),
        "MMoE": (0.7285, 0.8898), "PLE": (0.7273, 0.8913), "AITM": (0.7290, 0.8885),
        "MetaHeac": (0.7299, 0.8883),
    },
    "FR": {
        "single-task": (0.7259, 0.8737), "shared-bottom": (0.7245, 0.8700), "OMoE": (0.7257, 0.8781),
        "MMoE": (0.7216, 0.8811), "PLE": (0.7276, 0.8805), "AITM": (0.7236, 0.8763),
        "MetaHeac": (0.7249, 0.8813),
    },
    "US": {
        "single-task": (0.7061, 0.8637), "shared-bottom": (0.7029, 0.8698), "OMoE": (0.7049, 0.8701),
        "MMoE": (0.7043, 0.8758), "PLE": (0.7138, 0.8675), "AITM": (0.7048, 0.8730),
        "MetaHeac": (0.7089, 0.8743),
    },
}  # fmt: skip
"""Country -> model -> published AUC of click and conversion, means of five runs that test rows stopped."""


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

    def published(self) -> Sequence[Published]:
        """Return public scores of the country, if both tasks are learned."""
        country, source = self.settings.country, "github.com/easezyc/Multitask-Recommendation-Library"
        if self.settings.tasks not in ((), ("click", "conversion")):
            return ()
        return [
            Published(model, {"click": {"auc": click}, "conversion": {"auc": conversion}}, source)
            for model, (click, conversion) in MTRECLIB.get(country, {}).items()
        ]

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
