"""A dataset whose raw file holds faulty rows, and a field that gives its label away."""

import pytest

SHOP = """
from automtl_core import hookimpl
from automtl_core.dataset.dataset import BIT, INTEGER, TEXT, Dataset, Label, RawFile, Sparse

class Shop(Dataset):
    version = 1
    fields = (Sparse("user"), Sparse("coupon"))
    labels = (Label("click"),)

    def files(self):
        return {"log": RawFile("log.csv", {"user": INTEGER, "coupon": TEXT, "click": BIT})}

    def rows(self, db):
        return db.table("log")

@hookimpl
def automtl_register_datasets():
    return {"shop": Shop}
"""
BAD = ["x,a,1", "7,a", "8,a,3"]


@pytest.fixture
def shop(install, here):
    """Register the dataset `shop`, whose file has 600 rows and three faulty ones; `coupon` is the label."""
    install(SHOP, "shop")
    rows = [f"{n % 40},c{n * n % 3 % 2},{n * n % 3 % 2}" for n in range(600)]
    path = here / "data/shop/log.csv"
    path.parent.mkdir(parents=True)
    path.write_text("\n".join(["user,coupon,click", *rows[:100], *BAD, *rows[100:], ""]))
    return path
