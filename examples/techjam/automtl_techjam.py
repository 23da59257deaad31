"""TechJam 2026, "Problem 2": KuaiRand-Pure by its protocol, rankings of each user's videos by `long_view`."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from statistics import fmean
from typing import Annotated, Any, ClassVar, Literal

import duckdb
from pydantic import Field

from automtl_core.plugin import INTEGER, NUMBER, Counted, Dense, Metric, RawFile, hookimpl
from automtl_datasets.kuairand import KuaiRand, KuaiRandSettings
from automtl_metrics.rankings import ONE_CLASS, Array, averaged, gauc_by_positives, ndcg_of_users

Day = Annotated[int, Field(ge=20220408, le=20220508)]
"""A date of the column `date`, YYYYMMDD."""


class TechJamSettings(KuaiRandSettings):
    """Settings of `techjam`."""

    removed: ClassVar = {}

    log: Literal["random", "standard", "both"] = "standard"
    """Log to read. standard: recommended videos, as in the contest."""
    days: tuple[Day, Day] = (20220422, 20220429)
    """First day of the validation rows and of the test rows, by the column `date`."""


class TechJam(KuaiRand):
    """KuaiRand-Pure with parts by days, all rows, and the duration of a video as a field."""

    version = 2
    settings_class = TechJamSettings
    preparation = "The rows of the standard log, joined with the tables of users and videos."
    fields = (*KuaiRand.fields, Dense("duration_ms", "log"))
    part = "part"

    def files(self) -> Mapping[str, RawFile]:
        """Return the files of KuaiRand; logs have two columns more."""
        more = {"date": INTEGER, "duration_ms": NUMBER}
        return {
            name: replace(file, columns={**file.columns, **more}) if name.startswith("log") else file
            for name, file in super().files().items()
        }

    def rows(self, db: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyRelation:
        """Join logs, users and videos, and name the part of each row."""
        log, *others = [db.table(name) for name in self.files() if name.startswith("log")]
        for other in others:
            log = log.union(other)
        validation, test = self.settings.model_dump()["days"]
        part = (
            f"CASE WHEN date < {validation} THEN 'train' WHEN date < {test} THEN 'validation' ELSE 'test' END"
        )
        log = log.project(f"*, {part} AS part")
        return log.join(db.table("users"), "user_id", how="left").join(
            db.table("videos"), "video_id", how="left"
        )


def primary(labels: Array, predictions: Array, users: Array) -> Counted:
    """Mean of GAUC, weighted by positives, and NDCG@5, where a user without a positive row counts with 0.

    The standard deviation of a random order is an upper limit: that of two values that move together.
    """
    rows = labels, predictions, users
    of_users = partial(ndcg_of_users, k=5, everyone=True)
    both = gauc_by_positives(*rows), averaged(*rows, "with a row", of_users)
    of_auc, of_ndcg = (one.by_user for one in both)
    if of_auc is None or of_ndcg is None:
        return Counted(None, 0)
    by_user = replace(
        of_ndcg, random=fmean((of_auc.random, of_ndcg.random)), spread=fmean((of_auc.spread, of_ndcg.spread))
    )
    return Counted(fmean(one.value or 0.0 for one in both), both[1].rows, by_user)


PRIMARY = Metric("TechJam primary", primary, needs_users=True, undefined=ONE_CLASS)
# Labels of the test days are no inputs: all rows of a user in these days are seen at their beginning.
PRESET: Mapping[str, Any] = {
    "dataset": {"name": "techjam", "split": "time", "list": "user", "tasks": ["long_view"]},
    "metrics": ["gauc-by-positives", "ndcg-of-all-5", "techjam"],
    "training": {"monitor_metric": "gauc-by-positives"},
}


@hookimpl
def automtl_register_datasets() -> dict[str, type[TechJam]]:
    """Register the dataset by its name."""
    return {"techjam": TechJam}


@hookimpl
def automtl_register_metrics() -> dict[str, Metric]:
    """Register the metric by its name."""
    return {"techjam": PRIMARY}


@hookimpl
def automtl_register_presets() -> dict[str, Mapping[str, Any]]:
    """Register the preset by its name."""
    return {"techjam": PRESET}
