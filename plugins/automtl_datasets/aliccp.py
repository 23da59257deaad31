r"""Ali-CCP: clicks on recommendations of a shop and the purchases after them, with a published test set.

Full size: 42.3 million rows for training and 43.0 million for the test. A row has about 500 features. Most of
them are common to about fifty rows and are stored in separate files. These are parsed before the join, and a
row refers to the common values of a multi-valued field by their row number, see `AliCCP.rows`.

Features are FIELD \x02 ID \x03 NUMBER, joined by \x01, in any order.
"""

from collections.abc import Mapping
from typing import ClassVar

import duckdb
from pydantic import Field

from automtl_core.plugin import (
    BIT,
    INTEGER,
    TEXT,
    UNUSED,
    Bag,
    Column,
    Count,
    Dataset,
    DatasetSettings,
    Dense,
    Label,
    RawFile,
    Sparse,
)

SPARSE = (
    *("101", "121", "122", "124", "125", "126", "127", "128", "129", "205", "206", "207", "210", "216"),
    *("508", "509", "702", "853", "301", "109_14", "110_14", "127_14", "150_14"),
)
DENSE = ("D109_14", "D110_14", "D127_14", "D150_14", "D508", "D509", "D702", "D853")
MULTI = ("210", "853", "109_14", "110_14", "127_14", "150_14")


class AliCCPSettings(DatasetSettings):
    """Settings of `aliccp`."""

    removed: ClassVar = {"multi_valued": "bags"}

    validation_fraction: float = Field(0.2, gt=0, lt=0.5)
    """Share of the training rows for validation. The test rows are those of the publisher."""
    min_count: Count | dict[str, Count] = 10
    """Minimum number of training rows of a categorical value. Rarer values become unseen ids."""


class AliCCP(Dataset[AliCCPSettings]):
    """Clicks and purchases of a shop: one row for each recommendation that was shown to a user.

    Features are optional: a field that a row lacks is unknown. If a field occurs several times, its numeric
    value is the largest one.
    """

    version = 1
    source = "https://tianchi.aliyun.com/dataset/408 (sample_train.tar.gz, sample_test.tar.gz)"
    licence = "for research, see the terms there"
    preparation = (
        "The features of a row are joined with the common ones. Rows with a purchase but no click are "
        "dropped. Values in fewer than 10 training rows become unseen ids. The test rows are those of the "
        "publisher; a fifth of the training rows is for validation. Fields 210, 853 and *_14 are "
        "multi-valued; the paper keeps only their last value."
    )
    fields = (
        *((Bag if name in MULTI else Sparse)(name) for name in SPARSE),
        *(Dense(name, "minmax") for name in DENSE),
    )
    labels = (Label("click"), Label("purchase", after="click"))
    user = "101"
    part = "part"

    def files(self) -> Mapping[str, RawFile]:
        """Return the skeleton and common features of both parts, in any folder."""
        feature = r"[^\x01-\x03]+\x02[0-9]+\x03[+-]?[0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?"
        listed = Column(matching=rf"{feature}(?:\x01{feature})*")
        features = {"common_feature_index": TEXT, "feature_num": UNUSED, "features": listed}
        skeleton = {"sample_id": INTEGER, "click": BIT, "purchase": BIT, **features}

        def file(path: str, columns: Mapping[str, Column], rows: int) -> RawFile:
            return RawFile(f"**/{path}", columns, header=False, alone=True, rows=rows)

        return {
            "skeleton_train": file("sample_skeleton_train.csv", skeleton, 42_300_135),
            "common_train": file("common_features_train.csv", features, 730_600),
            "skeleton_test": file("sample_skeleton_test.csv", skeleton, 43_016_840),
            "common_test": file("common_features_test.csv", features, 884_212),
        }

    def rows(self, db: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyRelation:
        """Parse the features of both kinds of files, and join them.

        A bag is named COMMON|OWN: the row number of the common values, and the own values. Most bags have
        only one of the two.
        """
        # The last one of several equal indices, and the first one of several equal rows.
        common = _of_parts(
            "SELECT '{part}' AS part, common_feature_index, {columns} FROM common_{part} "
            "WHERE rowid IN (SELECT max(rowid) FROM common_{part} GROUP BY common_feature_index)",
            bag="CASE WHEN len({}) > 0 THEN part || rowid END",
        )
        skeleton = _of_parts(
            "SELECT '{part}' AS part, common_feature_index, click, purchase, {columns} FROM skeleton_{part} "
            "WHERE (click = 0 AND purchase = 1) IS NOT TRUE AND rowid IN (SELECT min(rowid) "
            "FROM skeleton_{part} "
            "GROUP BY sample_id, click, purchase, common_feature_index, md5_number(features))",
            bag="array_to_string(list_sort({}), ' ')",
        )
        joined = dict.fromkeys(SPARSE, "coalesce({}, {})") | dict.fromkeys(DENSE, "greatest({}, {})")
        joined |= dict.fromkeys(MULTI, "nullif(concat({}, '|', {}), '|')")
        columns = {f: sql.format(f'common."{f}"', f'skeleton."{f}"') for f, sql in joined.items()}
        db.execute(
            f"CREATE TEMP TABLE samples AS SELECT part, click, purchase, {_named(columns)} "
            f"FROM ({skeleton}) AS skeleton LEFT JOIN ({common}) AS common USING (part, common_feature_index)"
        )
        return db.table("samples")

    def values(self, db: duckdb.DuckDBPyConnection, field: str) -> duckdb.DuckDBPyRelation:
        """Return the values of the bags that `rows` names."""
        of_common = " UNION ALL ".join(
            f"SELECT '{part}' || rowid AS common, CAST(unnest({_ids(field)}) AS BIGINT) AS value "
            f"FROM common_{part}"
            for part in ("train", "test")
        )
        return db.sql(
            f"""
            WITH bags AS (
                SELECT DISTINCT "{field}" AS bag, split_part(bag, '|', 1) AS common,
                    split_part(bag, '|', 2) AS own
                FROM samples
            )
            SELECT bag, value FROM bags JOIN ({of_common}) USING (common)
            UNION ALL
            SELECT bag, CAST(unnest(string_split(own, ' ')) AS BIGINT) AS value FROM bags WHERE own <> ''
            """
        )


def _of_parts(query: str, bag: str) -> str:
    """Return SQL for the fields of each row of both parts; a missing field is null.

    Args:
        query: SQL that selects rows of a part.
        bag: SQL for the name of a bag of a multi-valued field, from the list of its ids.

    """
    columns = {f: (bag if f in MULTI else "CAST({}[-1] AS BIGINT)").format(_ids(f)) for f in SPARSE}
    columns |= {f: f"list_max({_numbers(f)})" for f in DENSE}
    return " UNION ALL ".join(query.format(part=part, columns=_named(columns)) for part in ("train", "test"))


def _named(columns: Mapping[str, str]) -> str:
    return ", ".join(f'{sql} AS "{name}"' for name, sql in columns.items())


def _ids(field: str) -> str:
    """Return SQL for the list of ids of a field in the features of a row."""
    return rf"regexp_extract_all(chr(1) || features, '\x01{field}\x02([^\x03]+)', 1)"


def _numbers(field: str) -> str:
    """Return SQL for the list of the numbers behind the ids of a dense field."""
    feature = rf"\x01{field.removeprefix('D')}\x02[^\x03]+\x03([^\x01]+)"
    return f"CAST(regexp_extract_all(chr(1) || features, '{feature}', 1) AS DOUBLE[])"
