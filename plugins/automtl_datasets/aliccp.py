"""Ali-CCP: clicks on a shop's recommendations and the purchases after them, with a test set of its own.

Full size: 42.3 million rows for training and 43.0 million for the test, of some 500 features each. Most of
these are common to about fifty rows, and stand in a file of their own, which is parsed before it is joined.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import duckdb
from pydantic import Field

from automtl_core.dataset import BIT, INTEGER, TEXT, UNUSED, Dataset, DatasetSettings, RawFile, Scaling
from automtl_core.errors import DataError
from automtl_datasets.simulated.aliccp import simulate

MULTI = ("210", "853", "109_14", "110_14", "127_14", "150_14")
PARTS = ("train", "test")
SKELETON_ROWS = {"train": 42_300_135, "test": 43_016_840}
COMMON_ROWS = {"train": 730_600, "test": 884_212}
FEATURE = r"[^\x01-\x03]+\x02[0-9]+\x03[+-]?[0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?"
"""Field, id and value; features are joined by \\x01, in any order."""

FAULTY = r"""
    SELECT {key} FROM {table} WHERE NOT regexp_full_match(features, '{feature}(?:\x01{feature})*') LIMIT 1
"""
COMMON = """
    SELECT '{part}' AS part, common_feature_index, {columns}
    FROM common_{part}
    WHERE rowid IN (SELECT max(rowid) FROM common_{part} GROUP BY common_feature_index)
"""
SKELETON = """
    SELECT '{part}' AS part, common_feature_index, click, purchase, {columns}
    FROM skeleton_{part}
    WHERE (click = 0 AND purchase = 1) IS NOT TRUE
"""
JOINED = """
    CREATE TABLE samples AS
    SELECT part, click, purchase, {columns}
    FROM skeleton LEFT JOIN common USING (part, common_feature_index)
"""
VALUES = """
    WITH bags AS (
        SELECT DISTINCT "{field}" AS bag, split_part(bag, '|', 1) AS common, split_part(bag, '|', 2) AS own
        FROM samples
    )
    SELECT bag, value FROM bags JOIN ({values_of_common}) USING (common)
    UNION ALL
    SELECT bag, CAST(unnest(string_split(own, ' ')) AS BIGINT) AS value FROM bags WHERE own <> ''
"""
VALUES_OF_COMMON = """
    SELECT '{part}' || rowid AS common, CAST(unnest({ids}) AS BIGINT) AS value FROM common_{part}
"""


class AliCCPSettings(DatasetSettings):
    """Settings of `aliccp`."""

    validation_fraction: float = Field(0.2, gt=0, lt=0.5)
    """Share of the training rows for validation; the test rows are those of the publisher."""
    min_count: int = Field(10, ge=1)
    """Values of a sparse field that fewer training rows hold are treated as unseen."""
    multi_valued: Literal["bags", "last"] = "bags"
    """Fields that occur many times in a row hold all of their values, or the last one, as in the paper."""


class AliCCP(Dataset):
    """One row for each recommendation shown to a user; the features of the row and the common ones together.

    Features are optional: a field that a row lacks is unknown. Of a field that occurs many times the dense
    value is the largest; the last one with `multi_valued: last`, where the common features come last.
    """

    settings_class = AliCCPSettings
    settings: AliCCPSettings
    version = 1
    source = "https://tianchi.aliyun.com/dataset/408 (sample_train.tar.gz, sample_test.tar.gz)"
    licence = "for research, see the terms there"
    preparation = (
        "Features are chosen by field from both files of a part; rows with a purchase and no click are dropped; "
        "values in fewer than 10 training rows become unknown. The test part is the publisher's, and a fifth of "
        "the training rows is for validation. The paper keeps the last value of the fields 210, 853 and *_14: "
        "multi_valued=last."
    )
    sparse = (
        *("101", "121", "122", "124", "125", "126", "127", "128", "129", "205", "206", "207", "210", "216"),
        *("508", "509", "702", "853", "301", "109_14", "110_14", "127_14", "150_14"),
    )
    dense = ("D109_14", "D110_14", "D127_14", "D150_14", "D508", "D509", "D702", "D853")
    scaling: Mapping[str, Scaling] = dict.fromkeys(dense, "minmax")
    tasks = ("click", "purchase")
    after: Mapping[str, str] = {"purchase": "click"}
    user = "101"
    part = "part"

    def __init__(self, settings: AliCCPSettings) -> None:
        super().__init__(settings)
        self.multi = MULTI if settings.multi_valued == "bags" else ()

    def files(self) -> Mapping[str, RawFile]:
        """Return skeleton and common features of both parts, in whatever folders they are."""
        features = {"common_feature_index": TEXT, "feature_num": UNUSED, "features": TEXT}
        skeleton = {"sample_id": INTEGER, "click": BIT, "purchase": BIT, **features}
        files = {}
        for part in PARTS:
            path = f"**/sample_skeleton_{part}.csv"
            files[f"skeleton_{part}"] = RawFile(path, skeleton, header=False, rows=SKELETON_ROWS[part], alone=True)
            path = f"**/common_features_{part}.csv"
            files[f"common_{part}"] = RawFile(path, features, header=False, rows=COMMON_ROWS[part], alone=True)
        return files

    def rows(self, db: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyRelation:
        """Parse the features of both kinds of files, and join them.

        A bag is named COMMON|OWN: the row that holds its common values, and its own values, if any.
        """
        for part in PARTS:
            _check(db, f"sample_skeleton_{part}.csv", f"skeleton_{part}", "sample_id")
            _check(db, f"common_features_{part}.csv", f"common_{part}", "common_feature_index")
        self._parse(db, "common", COMMON, "CASE WHEN len({ids}) > 0 THEN '{part}' || rowid END")
        self._parse(db, "skeleton", SKELETON, "array_to_string(list_sort({ids}), ' ')")
        ...
