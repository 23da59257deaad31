"""A small dataset whose rows are given, for the tests of preparation."""

import pandas as pd
import pytest

from automtl_core.dataset.dataset import (
    BIT,
    NUMBER,
    TEXT,
    Dataset,
    DatasetSettings,
    Dense,
    Label,
    RawFile,
    Sparse,
)


class ShopSettings(DatasetSettings):
    min_buys: int = 0


class Shop(Dataset[ShopSettings]):
    """Reads `shop.csv`: two sparse fields, a dense one, two tasks."""

    version = 1
    source = "https://example.org (CC0)"
    fields = (Sparse("user"), Sparse("city"), Dense("price"))
    labels = (Label("click"), Label("buy"))

    def files(self):
        columns = {"user": TEXT, "city": TEXT, "price": NUMBER, "click": BIT, "buy": BIT}
        return {"shop": RawFile("shop.csv", columns)}

    def rows(self, db):
        return db.table("shop")


class Given(Shop):
    """The same fields, from a data frame."""

    frame: pd.DataFrame
    user: str | None = None
    time: str | None = None
    part: str | None = None

    def files(self):
        return {}

    def content(self):
        return self.frame.to_csv()

    def rows(self, db):
        return self.frame


@pytest.fixture
def shop():
    return Shop(ShopSettings())


@pytest.fixture
def given():
    def make(columns, **settings):
        dataset = Given(ShopSettings(**settings))
        dataset.frame = pd.DataFrame(columns)
        return dataset

    return make


@pytest.fixture
def shop_dir(tmp_path):
    """Hold `shop.csv` of 100 rows: user n % 30, city n % 4, price n, click n % 2, buy if n % 5 == 0."""
    folder = tmp_path / "raw"
    folder.mkdir()
    rows = [f'u{n % 30},"c,{n % 4}",{n}.5,{n % 2},{int(n % 5 == 0)}' for n in range(100)]
    (folder / "shop.csv").write_text("\n".join(["user,city,price,click,buy", *rows, ""]))
    return folder
