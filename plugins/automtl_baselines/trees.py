"""Trees of one task by LightGBM, as a module whose state is the model text of LightGBM.

Ke et al., "LightGBM: A Highly Efficient Gradient Boosting Decision Tree", NeurIPS 2017. LightGBM is imported
only when trees are grown or read, so that other models do not need it.

Letters: R rows, F columns.
"""

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from automtl_core.errors import UsageError, one_line
from automtl_core.tasks.kind import TaskKind

if TYPE_CHECKING:
    from lightgbm import Booster


def check_installed() -> None:
    """Check that LightGBM can be imported.

    Raises:
        UsageError: it is not installed, or damaged.

    """
    if find_spec("lightgbm") is None:
        raise UsageError("boosting needs lightgbm", "install it: pip install 'automtl[boosting]'")
    try:
        import lightgbm  # noqa: F401 - for its errors
    except (ImportError, OSError) as error:  # a library of the system may be missing
        raise UsageError(
            f"boosting needs lightgbm, which cannot be imported: {one_line(error)}",
            "pip install --force-reinstall lightgbm; on Linux it needs OpenMP, such as the package libgomp1",
        ) from error


class Rows(NamedTuple):
    """Rows that have the label."""

    columns: NDArray[np.float32]  # [R, F], NaN where a number is missing
    labels: NDArray[np.float32]  # [R]

    def first(self, width: int) -> "Rows":
        """Return the rows with only their first columns."""
        return Rows(self.columns[:, :width], self.labels)

    @property
    def labels_differ(self) -> bool:
        """Whether labels differ, so that training and scoring are possible."""
        return len(self.labels) > 0 and bool(np.ptp(self.labels) > 0)


class GrownTrees(NamedTuple):
    """The result of growing trees."""

    text: str
    """Model text of LightGBM."""
    rounds: int
    """Number of kept trees."""
    score: float
    """Score on validation rows, see `_score`; minus infinity if all validation labels are equal."""


class Trees(nn.Module):
    """The trees of a task; before they are grown, all predictions are 0."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("text", torch.zeros(0, dtype=torch.uint8))
        self.text: Tensor  # model text of LightGBM, compressed: sets of categories are mostly zeros
        self._booster: Booster | None = None

    @property
    def grown(self) -> bool:
        """Whether there are trees."""
        return len(self.text) > 0

    def take(self, text: str) -> None:
        """Set the trees from a model text of LightGBM."""
        packed = bytearray(zlib.compress(text.encode()))
        self.text = torch.frombuffer(packed, dtype=torch.uint8).to(self.text.device)
        self._booster = None

    def predict_logits(self, columns: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return logits, or standardised predictions of a regression: columns [R, F or more] -> [R]."""
        if not self.grown:
            return np.zeros(len(columns))
        booster = self._read()
        read = columns[:, : booster.num_feature()]
        return np.asarray(booster.predict(read, raw_score=True, num_threads=torch.get_num_threads()))

    def _read(self) -> "Booster":
        """Return the trees, which are read from the text on first use."""
        if self._booster is None:
            check_installed()
            import lightgbm

            text = zlib.decompress(self.text.cpu().numpy().tobytes()).decode()
            self._booster = lightgbm.Booster(model_str=text)
        return self._booster

    def _load_from_state_dict(self, state_dict: Mapping[str, Any], prefix: str, *others: Any) -> None:
        if (text := state_dict.get(f"{prefix}text")) is not None:
            self.text = self.text.new_empty(text.shape)  # texts differ in length
        self._booster = None
        super()._load_from_state_dict(state_dict, prefix, *others)


@dataclass(frozen=True)
class Grower:
    """Grows trees."""

    params: Mapping[str, Any]
    """Parameters of LightGBM, except those that follow from the task."""
    rounds: int
    """Maximum number of trees of a task."""
    patience: int
    """Number of trees without a better score before early stopping."""

    def grow(
        self,
        kind: TaskKind,
        train: Rows,
        validation: Rows,
        categories: Sequence[int],
        seed: int,
        going_on: Callable[[float], bool],
    ) -> GrownTrees:
        """Return the trees up to the best round on validation rows, or `patience` trees without a score.

        Args:
            kind: Kind of the task.
            train: Training rows, whose labels differ.
            validation: Validation rows, for early stopping.
            categories: Columns that are categories, whole numbers from 0; all other columns are numbers.
            seed: Seed of random draws.
            going_on: Receives the completed share of rounds, and ends the growing by returning False.

        """
        check_installed()
        import lightgbm

        params = {**self.params, **_fixed(kind, seed)}
        learned = lightgbm.Dataset(
            train.columns, train.labels, params=params, categorical_feature=list(categories)
        )
        booster, judged = lightgbm.Booster(params, learned), validation.labels_differ
        if judged:
            booster.add_valid(learned.create_valid(validation.columns, validation.labels), "validation")
        rounds = self.rounds if judged else min(self.rounds, self.patience)
        kept, best = 0, -np.inf
        for done in range(1, rounds + 1):
            booster.update()
            score = _score(booster, validation) if judged else done
            if score > best:
                kept, best = done, score
            if done - kept >= self.patience or not going_on(done / rounds):
                break
        return GrownTrees(booster.model_to_string(num_iteration=kept), kept, best if judged else -np.inf)


def _fixed(kind: TaskKind, seed: int) -> dict[str, Any]:
    """Return the fixed parameters. With the same number of threads, equal seeds give equal bytes."""
    return {
        "objective": kind.boosting,
        "metric": kind.boosting_metric or kind.boosting,
        "bagging_freq": 1,
        "seed": seed % 2**31,
        "deterministic": True,
        "force_row_wise": True,  # otherwise LightGBM times both layouts, and chance decides
        "num_threads": torch.get_num_threads(),
        "verbosity": -1,
    }


def _score(booster: "Booster", validation: Rows) -> float:
    """Return the AUC, or 1 - the error divided by the variance of the labels: R2 for a squared error."""
    value, higher_is_better = booster.eval_valid()[0][2:4]
    return float(value if higher_is_better else 1 - value / float(np.var(validation.labels)))
