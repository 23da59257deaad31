"""A log of three columns, and how tests read it."""

from collections.abc import Callable

from automtl_core.dataset.dataset import BIT, INTEGER, TEXT, RawFile

COLUMNS = {"user": INTEGER, "tag": TEXT, "click": BIT}
LOG = RawFile("log.csv", COLUMNS)
BARE = RawFile("log.csv", COLUMNS, header=False)
Read = Callable[..., tuple[list[list[str]], list[str]]]
