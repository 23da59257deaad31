"""The datasets that can be simulated, and what is measured of their files."""

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd

from automtl_core.dataset.dataset import Dataset
from automtl_core.tasks.builtin import auc
from automtl_datasets.aliccp import AliCCP, AliCCPSettings
from automtl_datasets.ijcai15 import IJCAI15, IJCAI15Settings
from automtl_datasets.kuairand import KuaiRand, KuaiRandSettings
from automtl_datasets.qb_video import QBVideo, QBVideoSettings
from automtl_datasets.userbehavior import UserBehavior, UserBehaviorSettings

DATASETS: Mapping[str, Callable[[], Dataset]] = {
    "userbehavior": lambda: UserBehavior(UserBehaviorSettings(min_buys=1)),
    "ijcai15": lambda: IJCAI15(IJCAI15Settings(min_purchases=1)),
    "kuairand": lambda: KuaiRand(KuaiRandSettings(log="both")),
    "qb-video": lambda: QBVideo(QBVideoSettings()),
    "aliccp": lambda: AliCCP(AliCCPSettings()),
}
ROWS = {"userbehavior": 50_000, "ijcai15": 50_000, "kuairand": 25_000, "qb-video": 25_000, "aliccp": 10_000}


def dominance(values: pd.Series) -> float:
    """Return how often the commonest tenth of the values occurs; 0.1 if all are as frequent."""
    counts = values.value_counts()
    return float(counts.iloc[: max(1, len(counts) // 10)].sum() / counts.sum())


def learnable(frame: pd.DataFrame, fields: list[str], task: str) -> float:
    """Return the AUC on one half of the rows of the log-odds of the other half's values, added up."""
    known = np.random.default_rng(0).random(len(frame)) < 0.5
    train, test = frame[known], frame[~known]
    rate, score = train[task].mean(), np.zeros(len(test))
    for field in fields:
        values = train.groupby(field)[task].agg(["sum", "count"])
        rates = ((values["sum"] + 20 * rate) / (values["count"] + 20)).reindex(test[field]).fillna(rate)
        score += np.log(rates / (1 - rates)).to_numpy()
    return auc(test[task].to_numpy(), score) or 0.0
