"""Gradient boosting: separate trees for each task, a baseline for networks.

Ke et al., "LightGBM: A Highly Efficient Gradient Boosting Decision Tree", NeurIPS 2017.

Letters: B batch, R rows, T tasks, S fields of one value, F columns.
"""

import itertools
import logging
from collections.abc import Callable, Sequence
from typing import Annotated

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor, nn

from automtl_baselines.trees import Grower, GrownTrees, Rows, Trees, check_installed
from automtl_core import seeds
from automtl_core.data.part import Part
from automtl_core.dataset.schema import Schema, Task, is_encoder
from automtl_core.errors import UsageError
from automtl_core.modules.features import Features
from automtl_core.modules.inputs import Inputs, inputs_of
from automtl_core.settings.domain import Search
from automtl_core.settings.settings import Settings
from automtl_core.space import Chooser, SearchSpace
from automtl_core.training.batches import batches
from automtl_core.training.fit import TrainingData
from automtl_core.training.learner import GoingOn, Learner
from automtl_core.training.recipe import Recipe

log = logging.getLogger("automtl")
BATCH = 1 << 16
"""Number of rows whose columns are computed together."""
ROW_SHARE = 0.8
"""Share of the training rows that each tree is grown on."""
READ = ("batch_size", "min_positives")
"""Settings of the recipe that apply to trees."""


class BoostingSettings(Settings):
    """Settings of gradient boosting. Settings of networks, such as `training.learning_rate`, do not apply."""

    learning_rate: Annotated[float, Search(0.02, 0.08, log=True)] = Field(0.05, gt=0)
    """Learning rate (shrinkage) of each tree."""
    leaves: Annotated[int, Search(15, 127, log=True)] = Field(31, ge=2)
    """Maximum number of leaves of a tree."""
    rounds: int = Field(2000, ge=1)
    """Maximum number of trees of a task."""
    patience: int = Field(50, ge=1)
    """Number of trees without a better validation score before early stopping. If all validation labels of
    the task are equal, this is the number of trees."""
    min_rows: Annotated[int, Search(10, 100, log=True)] = Field(20, ge=1)
    """Minimum number of training rows of a leaf."""
    column_share: Annotated[float, Search(0.4, 1.0)] = Field(0.8, gt=0, le=1)
    """Share of the columns, drawn at random, that each tree may split on."""
    categories: int = Field(10_000, ge=1)
    """Maximum number of values of a categorical field, the most frequent ones, when trees read it as
    categories. The other values become one category."""


class BoostedTrees(Learner):
    """The trees of each task: features of B examples -> logits [B, T].

    They read the target statistics of fields and crosses, unscaled numbers (NaN if missing), pretrained
    vectors, matches and the latest events of histories, and single-valued fields as categories. Categories
    come last, because the validation rows decide for each task whether its trees read them.

    Args:
        inputs: Encoded fields, without embeddings.
        sizes: Number of ids of each of the S single-valued fields.
        tasks: Number of tasks, T.
        grower: Grows trees.
        categories: Maximum number of categories of a field.

    """

    def __init__(
        self, inputs: Inputs, sizes: Sequence[int], tasks: int, grower: Grower, categories: int
    ) -> None:
        super().__init__()
        self.inputs = inputs
        self.numbers = inputs.width + inputs.embedding.vector_width
        self.sizes = sizes
        self.grower = grower
        self.categories = categories
        self.tasks = nn.ModuleList(Trees() for _ in range(tasks))
        offsets = list(itertools.accumulate(sizes, initial=0))
        self.register_buffer("offsets", torch.tensor(offsets[:-1], dtype=torch.long), persistent=False)
        self.offsets: Tensor  # [S]
        # Rank of each value by frequency, field by field: 1 is the most frequent one, 0 is every value beyond
        # the maximum. LightGBM stores a set of categories as bits up to the largest one; ranks keep it small.
        self.register_buffer("ranks", torch.zeros(offsets[-1], dtype=torch.int32))
        self.ranks: Tensor

    def forward(self, features: Features) -> Tensor:  # -> [B, T]
        dense = features.dense
        if not any(trees.grown for trees in self.trees()):
            return dense.new_zeros(len(dense), len(self.tasks))
        columns = self._columns(features).cpu().numpy()
        return torch.from_numpy(
            np.stack([trees.predict_logits(columns) for trees in self.trees()], axis=1)
        ).to(dense)

    def trees(self) -> list[Trees]:
        """Return the trees of each task."""
        return [trees for trees in self.tasks if isinstance(trees, Trees)]

    def learn(self, data: TrainingData, seed: int, going_on: GoingOn) -> None:
        """Grow the trees of one task after the other, with and without categories."""
        self._rank(data.train)
        seen = [(self._matrix(part), part.labels) for part in (data.train, data.validation)]
        numbers, widths = self.numbers, self._widths()
        tries = len(data.tasks) * len(widths)
        for t, (task, trees) in enumerate(zip(data.tasks, self.trees(), strict=True)):
            train, validation = (_labelled(columns, labels[:, t]) for columns, labels in seen)
            if not train.labels_differ:
                log.info("boosting %s: labels do not differ, no trees are grown", task.name)
                continue
            grown: dict[int, GrownTrees] = {}
            for number, width in enumerate(widths, start=t * len(widths)):
                grown[width] = self.grower.grow(
                    task.type,
                    train.first(width),
                    validation.first(width),
                    range(numbers, width),
                    seeds.derive(seed, "boosting", task.name),
                    _paced(going_on, number, tries),
                )
            best = max(widths, key=lambda width: grown[width].score)
            trees.take(grown[best].text)
            _tell(task, grown, numbers, best)

    def _widths(self) -> list[int]:
        """Return the numbers of columns to try: all but the categories, and all."""
        numbers, categories = self.numbers, len(self.sizes)
        return [*([numbers] if numbers else []), *([numbers + categories] if categories else [])]

    def _rank(self, part: Part) -> None:
        """Rank the values of training rows by frequency."""
        single = [place for place in range(part.ids.shape[1]) if place not in part.bags]
        for place, size, start in zip(single, self.sizes, self.offsets.tolist(), strict=True):
            counts = np.bincount(part.ids[:, place], minlength=size)
            order = np.argsort(-counts, kind="stable")[: min(self.categories, np.count_nonzero(counts))]
            ranks = np.zeros(size, np.int32)
            ranks[order] = np.arange(1, len(order) + 1)
            self.ranks[start : start + size] = torch.from_numpy(ranks)

    @torch.no_grad()
    def _matrix(self, part: Part) -> NDArray[np.float32]:
        """Return the columns of all rows, [R, F], in column order, so that the first ones are not copied."""
        matrix = np.empty((len(part), self.numbers + len(self.sizes)), np.float32, order="F")
        for number, batch in enumerate(batches(part, BATCH, self.ranks.device)):
            columns = self._columns(batch.features)
            matrix[number * BATCH : number * BATCH + len(columns)] = columns.cpu().numpy()
        return matrix

    def _columns(self, features: Features) -> Tensor:  # -> [B, F]
        tables = [self.inputs.statistics, self.inputs.crosses]
        statistics = [table(features).flatten(1) for table in tables if table is not None]
        histories = self.inputs.of_histories(features)
        vectors = self.inputs.embedding.raw_vectors(features)
        parts = [*statistics, features.dense, *vectors, *histories, self.ranks[features.ids + self.offsets]]
        return torch.cat([part.float() for part in parts], dim=1)


def _labelled(columns: NDArray[np.float32], labels: NDArray[np.float32]) -> Rows:
    """Return the rows that have a label, of columns [R, F] and labels [R]."""
    known = ~np.isnan(labels)
    return Rows(columns if known.all() else columns[known], labels[known])


def _paced(going_on: GoingOn, number: int, tries: int) -> Callable[[float], bool]:
    """Return `going_on` for one of several tries, as a function of the completed share of that try."""
    return lambda share: going_on((number + share) / tries, (number + 1) / tries)


def _tell(task: Task, found: dict[int, GrownTrees], numbers: int, taken: int) -> None:
    """Log the trees of a task, and mark the selected ones."""
    for width, grown in found.items():
        name = "with categories" if width > numbers else "without categories"
        mark = ", selected" if width == taken else ""
        log.info(
            "boosting %s %s: %d trees, validation %.4f%s", task.name, name, grown.rounds, grown.score, mark
        )


class Boosting(SearchSpace[BoostingSettings]):
    """Gradient-boosted trees for each task, by LightGBM; a baseline (Ke et al., NeurIPS 2017)."""

    takes_encodings = True
    ignores = (
        *(f"training.{name}" for name in Recipe.model_fields if name not in READ),
        *(f"features.{name}" for name in ("numbers", "bins", "wide")),
        "precision",
        "large_tables",
    )
    libraries = ("lightgbm",)

    def build(self, choose: Chooser) -> nn.Module:
        """Return the model before any trees are grown. It has no choices.

        Raises:
            UsageError: LightGBM is not installed, there is no field that trees can read, or LightGBM has no
                objective for a kind of task.

        """
        check_installed()
        s, schema = self.settings, self._read()
        for task in schema.tasks:
            if task.type.boosting is None:
                raise UsageError(
                    f"boosting has no objective for {task.name!r}, a task of kind {task.kind}",
                    "leave it out by dataset.tasks, or use another model, such as mmoe",
                )
        inputs = inputs_of(schema, 0, 1.0)
        sizes = [field.size for field in schema.sparse if field.kind == "single"]
        if not sizes and not inputs.width:
            raise UsageError(
                "boosting has no input: it reads multi-valued fields only as target statistics",
                "use --set features=statistics",
            )
        params = {
            "learning_rate": s.learning_rate,
            "num_leaves": s.leaves,
            "min_data_in_leaf": s.min_rows,
            "bagging_fraction": ROW_SHARE,
            "feature_fraction": s.column_share,
        }
        grower = Grower(params, s.rounds, s.patience)
        return BoostedTrees(inputs, sizes, len(schema.tasks), grower, s.categories)

    def _read(self) -> Schema:
        """Return the schema without bins, because trees make their own, and without history encoders."""
        encodings = self.schema.encodings
        numeric = tuple(part for part in encodings.of_histories if not is_encoder(part))
        return self.schema.encoded(encodings.with_answers(numbers="standard", history=numeric))
