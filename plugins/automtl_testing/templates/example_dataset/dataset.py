"""The log of a shop, a CSV file."""

from collections.abc import Mapping

import duckdb
from automtl_core.plugin import BIT, NUMBER, TEXT, Dataset, Dense, Label, RawFile, Sparse


class Shop(Dataset):
    """Clicks and purchases of one shop."""

    version = 1  # raise it whenever the same files would result in other rows
    source = "the log of the shop"
    fields = (Sparse("customer"), Sparse("item"), Dense("price", scaling="log"))
    labels = (Label("click"), Label("buy", after="click"))
    user = "customer"
    time = "seconds"

    def files(self) -> Mapping[str, RawFile]:
        """Return the raw file, with the columns of its header. `automtl data validate` checks every row."""
        columns = {
            "customer": TEXT,
            "item": TEXT,
            "price": NUMBER,
            "seconds": NUMBER,
            "click": BIT,
            "buy": BIT,
        }
        return {"log": RawFile("log.csv", columns)}

    def rows(self, db: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyRelation:
        """Return one row for each impression. Equal rows would be in both training and test: drop them."""
        return db.table("log").distinct()
