"""One's own tables of users and clicks."""

from automtl_datasets.table import Table
from automtl_datasets.table_settings import TableSettings

CLICKS = {"files": "clicks.csv", "sparse": ["user"], "labels": ["click"]}
HEADED = "user,click\n"


def table(**settings):
    return Table(TableSettings.parse({**CLICKS, **settings}, "dataset"))


def rows(count):
    """Return rows of 7 users, every third of which clicks."""
    return HEADED + "".join(f"u{n % 7},{int(n % 3 == 0)}\n" for n in range(count))
