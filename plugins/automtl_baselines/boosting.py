"""Gradient boosting: separate trees for each task by LightGBM, a baseline for networks.

Ke et al., "LightGBM: A Highly Efficient Gradient Boosting Decision Tree", NeurIPS 2017. LightGBM is imported
only when trees are grown or read, so that other models do not need it.

Letters: B batch, R rows, T tasks, S fields of one value, F columns.
"""

import itertools
import logging
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, NamedTuple, Self

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor, nn

from automtl_baselines.parts import OF_NETWORKS
from automtl_baselines.tensor_trees import TensorTrees
from automtl_core.plugin import (
    Chooser,
    Features,
    GoingOn,
    Inputs,
    Learner,
    Part,
    Search,
    SearchSpace,
    Settings,
    Task,
    TaskKind,
    TrainingData,
    UsageError,
    batches,
    is_encoder,
    one_line,
    seeds,
)

if TYPE_CHECKING:
    from lightgbm import Booster

log = logging.getLogger("automtl")
LEAF = 20
"""Minimum number of training rows of a leaf, as by default in LightGBM."""
CATEGORIES = 10_000
"""Number of values of a field, the most frequent ones, that trees read as categories; others are one more."""


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


Way = NDArray[np.float32]
"""What is added to the first columns before trees read them: NaN hides a column, and 0 leaves it as it is."""
Paced = Callable[[float], bool]
"""Receives the finished share, and ends the work by returning False."""


class Rows(NamedTuple):
    """Rows that have the label."""

    columns: NDArray[np.float32]  # [R, F], NaN where a number is missing
    labels: NDArray[np.float32]  # [R]
    weights: NDArray[np.float32] | None = None  # [R]

    @classmethod
    def labelled(cls, columns: NDArray[np.float32], part: Part, task: int, weighted: bool = False) -> Self:
        """Return the rows of a part, with columns [R, F], that have a label of a task, and a weight."""
        labels = part.labels[:, task]
        weights = part.weights[:, task] if weighted and part.weights is not None else None
        known = ~np.isnan(labels) if weights is None else ~np.isnan(labels) & (weights > 0)
        mine = None if weights is None else weights[known]
        return cls(columns if known.all() else columns[known], labels[known], mine)

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
        self.register_buffer("ratio", torch.zeros(()))
        self.ratio: Tensor  # see `_ratio`
        self._booster: Booster | None = None

    @property
    def grown(self) -> bool:
        """Whether there are trees."""
        return len(self.text) > 0

    def take(self, text: str, ratio: float) -> None:
        """Set the trees from a model text of LightGBM."""
        self.ratio.fill_(ratio)
        packed = bytearray(zlib.compress(text.encode()))
        self.text = torch.frombuffer(packed, dtype=torch.uint8).to(self.text.device)
        self._booster = None

    def forward(self, columns: Tensor) -> Tensor:
        """Return logits, or standardised predictions of a regression: columns [B, F or more] -> [B]."""
        if not self.grown:
            return columns.new_zeros(columns.shape[0], dtype=torch.float64)
        booster = self.booster()
        read = columns[:, : booster.num_feature()].cpu().numpy()
        logits = booster.predict(read, raw_score=True, num_threads=torch.get_num_threads())
        return torch.from_numpy(np.asarray(logits)).to(columns.device)

    def booster(self) -> "Booster":
        """Return the trees, which must be grown."""
        if self._booster is None:
            check_installed()
            import lightgbm

            text = zlib.decompress(self.text.cpu().numpy().tobytes()).decode()
            self._booster = lightgbm.Booster(model_str=text)
        return self._booster

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *others: Any) -> None:
        if (text := state_dict.get(f"{prefix}text")) is not None:
            self.text = self.text.new_empty(text.shape)  # texts differ in length
            state_dict.setdefault(f"{prefix}ratio", self.ratio)
        self._booster = None
        super()._load_from_state_dict(state_dict, prefix, *others)


class EachTask(nn.ModuleList):
    """The trees of each task: columns [B, F] -> logits [B, T]."""

    def forward(self, columns: Tensor) -> Tensor:
        return torch.stack([trees(columns) for trees in self], dim=1)


class BoostingSettings(Settings):
    """Settings of gradient boosting. Settings of networks, such as `training.learning_rate`, do not apply."""

    removed: ClassVar = {"categories": CATEGORIES, "min_rows": 20}

    learning_rate: Annotated[float, Search(0.02, 0.08, log=True)] = Field(0.05, gt=0)
    """Learning rate (shrinkage) of each tree."""
    leaves: Annotated[int, Search(15, 127, log=True)] = Field(31, ge=2)
    """Maximum number of leaves of a tree."""
    rounds: int = Field(2000, ge=1)
    """Maximum number of trees of a task."""
    patience: int = Field(50, ge=1)
    """Number of trees without a better validation score before early stopping. If all validation labels of
    the task are equal, this is the number of trees."""
    column_share: Annotated[float, Search(0.4, 1.0)] = Field(0.8, gt=0, le=1)
    """Share of the columns, drawn at random, that each tree may split on."""


@dataclass(frozen=True)
class Grower:
    """Grows trees."""

    settings: BoostingSettings

    def grow(
        self,
        kind: TaskKind,
        train: Rows,
        validation: Rows,
        categories: Sequence[int],
        seed: int,
        going_on: Paced,
        fixed: int | None = None,
    ) -> GrownTrees:
        """Return the trees up to the best round on validation rows, or `patience` trees without a score.

        Args:
            kind: Kind of the task.
            train: Training rows, whose labels differ.
            validation: Validation rows, for early stopping.
            categories: Columns that are categories, whole numbers from 0; all other columns are numbers.
            seed: Seed of random draws.
            going_on: Receives the completed share of rounds, and ends the growing by returning False.
            fixed: Number of trees where it is known, so that there are no validation rows.

        """
        check_installed()
        import lightgbm

        s = self.settings
        linked = kind.boosting == "regression" and train.labels.min() >= 0
        # With the same number of threads, equal seeds give equal bytes. Without `force_row_wise`, LightGBM
        # times both layouts, and chance decides.
        params = {
            "objective": "poisson" if linked else kind.boosting,
            "metric": kind.boosting_metric or kind.boosting, "learning_rate": s.learning_rate,
            "num_leaves": s.leaves, "min_data_in_leaf": LEAF, "bagging_fraction": 0.8, "bagging_freq": 1,
            "feature_fraction": s.column_share, "seed": seed % 2**31, "deterministic": True,
            "force_row_wise": True, "num_threads": torch.get_num_threads(), "verbosity": -1,
        }  # fmt: skip
        how: dict[str, Any] = {"params": params, "categorical_feature": list(categories)}
        learned = lightgbm.Dataset(train.columns, train.labels, None, train.weights, **how)
        booster, judged = lightgbm.Booster(params, learned), validation.labels_differ
        if judged:
            booster.add_valid(learned.create_valid(validation.columns, validation.labels), "validation")
        rounds = s.rounds if judged else min(s.rounds, s.patience) if fixed is None else fixed
        kept, best = 0, -np.inf
        for done in range(1, rounds + 1):
            booster.update()
            score = _score(booster, validation) if judged else done
            if score > best:
                kept, best = done, score
            if done - kept >= s.patience or not going_on(done / rounds):
                break
        return GrownTrees(booster.model_to_string(num_iteration=kept), kept, best if judged else -np.inf)


def _score(booster: "Booster", validation: Rows) -> float:
    """Return the AUC, or 1 - the error divided by the variance of the labels: R2 for a squared error."""
    value, higher_is_better = booster.eval_valid()[0][2:4]
    return float(value if higher_is_better else 1 - value / float(np.var(validation.labels)))


class BoostedTrees(Learner):
    """The trees of each task: features of B examples -> logits [B, T].

    They read unscaled numbers (NaN if missing), aggregates, pretrained vectors, matches and the latest events
    of histories, single-valued fields as categories and, last, their ids, which are in the order of the
    values. Validation rows decide for each task whether its trees read aggregates, categories and ids.

    Args:
        inputs: Encoded fields, without embeddings.
        sizes: Number of ids of each of the S single-valued fields.
        tasks: Number of tasks, T.
        grower: Grows trees.

    """

    def __init__(self, inputs: Inputs, sizes: Sequence[int], tasks: int, grower: Grower) -> None:
        super().__init__()
        self.inputs = inputs
        self.numbers = inputs.width + inputs.embedding.vector_width
        end, width = inputs.width - sum(inputs.widths.histories), self.numbers + 2 * len(sizes)
        self.hiding = np.zeros(width, np.float32)  # [F], NaN for aggregates, else 0
        self.hiding[end - sum(inputs.widths.aggregates) : end] = np.nan
        self.sizes, self.grower = sizes, grower
        self.trees = [Trees() for _ in range(tasks)]
        self.tasks: nn.Module = EachTask(self.trees)
        offsets = list(itertools.accumulate(sizes, initial=0))
        self.register_buffer("offsets", torch.tensor(offsets[:-1], dtype=torch.long), persistent=False)
        self.offsets: Tensor  # [S]
        # Rank of each value by frequency, field by field: 1 is the most frequent one, 0 is every value beyond
        # the maximum. LightGBM stores a set of categories as bits up to the largest one; ranks keep it small.
        self.register_buffer("ranks", torch.zeros(offsets[-1], dtype=torch.int32))
        self.ranks: Tensor

    def forward(self, features: Features) -> Tensor:  # -> [B, T]
        columns = self._columns(features)
        logits: Tensor = self.tasks(columns)
        ratios = torch.stack([trees.ratio for trees in self.trees]).to(logits)
        return torch.where(ratios > 0, torch.expm1(logits) / ratios, logits).to(features.dense)

    def traceable(self) -> nn.Module:
        """Return a model whose trees are tensor operations."""
        model = BoostedTrees(self.inputs, self.sizes, len(self.trees), self.grower)
        model.ranks, model.trees = self.ranks, self.trees
        model.tasks = TensorTrees([trees.booster() if trees.grown else None for trees in self.trees])
        return model

    refits = no_flops = True

    def refit(self, chosen: nn.Module, data: TrainingData, seed: int, going_on: GoingOn) -> None:
        """Grow as many trees of each task as `chosen` has, with categories where those have them."""
        assert isinstance(chosen, BoostedTrees)  # noqa: S101 - by the contract
        self._rank(data.train)
        columns, tasks = self._matrix(data.train), len(data.tasks)
        for t, (task, trees, before) in enumerate(zip(data.tasks, self.trees, chosen.trees, strict=True)):
            if before.grown:
                rows, booster = Rows.labelled(columns, data.train, t, weighted=True), before.booster()
                nobody, width = Rows(rows.columns[:0], rows.labels[:0]), booster.num_feature()
                told = booster.feature_importance()[np.isnan(self.hiding[:width])].any()
                way = np.zeros(width, np.float32) if told else self.hiding[:width]
                paced, rounds = _paced(going_on, t, tasks), booster.num_trees()
                trees.take(self._grown(task, rows, nobody, way, seed, paced, rounds).text, _ratio(task, rows))

    def learn(self, data: TrainingData, seed: int, going_on: GoingOn) -> None:
        """Grow the trees of one task after the other, in each of the ways."""
        self._rank(data.train)
        seen = [(self._matrix(part), part) for part in (data.train, data.validation)]
        every = np.zeros_like(self.hiding)
        ways = {"without categories": every[: self.numbers]} if self.numbers else {}
        ways |= {"with categories": every[: -len(self.sizes)], "with ids": every} if self.sizes else {}
        ways |= {"without aggregates": self.hiding} if 0 < np.isnan(self.hiding).sum() < len(every) else {}
        tries = len(data.tasks) * len(ways)
        for t, (task, trees) in enumerate(zip(data.tasks, self.trees, strict=True)):
            train, validation = (Rows.labelled(*of_part, t, of_part is seen[0]) for of_part in seen)
            if not train.labels_differ:
                log.info("boosting %s: labels do not differ, no trees are grown", task.name)
                continue
            grown = {
                name: self._grown(task, train, validation, way, seed, _paced(going_on, number, tries))
                for number, (name, way) in enumerate(ways.items(), start=t * len(ways))
            }
            best = max(grown, key=lambda name: grown[name].score)
            trees.take(grown[best].text, _ratio(task, train))
            for name, g in grown.items():
                text = f"{name}: {g.rounds} trees, validation {g.score:.4f}"
                log.info("boosting %s %s%s", task.name, text, ", selected" if name == best else "")

    def _grown(
        self, task: Task, train: Rows, validation: Rows, way: Way, seed: int, paced: Paced, *fixed: int
    ) -> GrownTrees:
        """Return the trees of a task that read some of the columns; `fixed` as in `Grower.grow`."""
        train, validation = (of._replace(columns=of.columns[:, : len(way)]) for of in (train, validation))
        if way.any():  # a copy
            train, validation = (of._replace(columns=of.columns + way) for of in (train, validation))
        if ratio := _ratio(task, train):
            train, validation = (
                of._replace(labels=np.maximum(1 + ratio * of.labels, 0)) for of in (train, validation)
            )
        end, seed = self.numbers + len(self.sizes), seeds.derive(seed, "boosting", task.name)
        categories = range(self.numbers, min(end, len(way)))
        return self.grower.grow(task.type, train, validation, categories, seed, paced, *fixed)

    def _rank(self, part: Part) -> None:
        """Rank the values of training rows by frequency."""
        single = [place for place in range(part.ids.shape[1]) if place not in part.bags]
        for place, size, start in zip(single, self.sizes, self.offsets.tolist(), strict=True):
            counts = np.bincount(part.ids[:, place], minlength=size)
            order = np.argsort(-counts, kind="stable")[: min(CATEGORIES, np.count_nonzero(counts))]
            self.ranks[start : start + size] = 0
            self.ranks[start + torch.from_numpy(order)] = torch.arange(1, len(order) + 1, dtype=torch.int32)

    @torch.no_grad()
    def _matrix(self, part: Part) -> NDArray[np.float32]:
        """Return the columns of all rows, [R, F], in column order, so that the first ones are not copied."""
        matrix = np.empty((len(part), len(self.hiding)), np.float32, order="F")
        done = 0
        for batch in batches(part, 1 << 16, self.ranks.device):
            columns = self._columns(batch.features).cpu().numpy()
            matrix[done : done + len(columns)] = columns
            done += len(columns)
        return matrix

    def _columns(self, features: Features) -> Tensor:  # -> [B, F]
        histories = self.inputs.of_histories(features)
        vectors = self.inputs.embedding.raw_vectors(features)
        parts = [
            self.inputs.derived(features.dense),
            features.dense,
            *vectors,
            *histories,
            self.ranks[features.ids + self.offsets],
            features.ids,  # in the order of the values
        ]
        return torch.cat([part.float() for part in parts], dim=1)


def _ratio(task: Task, train: Rows) -> float:
    """Return the deviation of labels over their mean if none is negative: trees then multiply; else 0."""
    ratio = task.deviation / task.mean if task.mean > 0 and task.type.boosting == "regression" else 0.0
    return ratio if np.all(1 + ratio * train.labels > -1e-5) else 0.0


def _paced(going_on: GoingOn, done: int, of: int) -> Paced:
    """Return a function of the finished share of one of several pieces of work."""
    return lambda share: going_on((done + share) / of, (done + 1) / of)


class Boosting(SearchSpace[BoostingSettings]):
    """Gradient-boosted trees for each task, by LightGBM; a baseline (Ke et al., NeurIPS 2017)."""

    takes_encodings = True
    ignores = (*OF_NETWORKS, "features.numbers")
    libraries = ("lightgbm",)

    def build(self, choose: Chooser) -> nn.Module:
        """Return the model before any trees are grown. It has no choices.

        Raises:
            UsageError: LightGBM is not installed, there is no field that trees can read, or LightGBM has no
                objective for a kind of task.

        """
        check_installed()
        # Trees make their own bins, and do not train history encoders.
        encodings = self.schema.encodings
        numeric = tuple(part for part in encodings.of_histories if not is_encoder(part))
        schema = self.schema.encoded(encodings.with_answers(numbers="standard", history=numeric))
        for task in schema.tasks:
            if task.type.boosting is None:
                raise UsageError(
                    f"boosting has no objective for {task.name!r}, a task of kind {task.kind}",
                    "leave it out by dataset.tasks, or use another model, such as mmoe",
                )
        inputs = Inputs(schema, 0, 1.0)
        sizes = [field.size for field in schema.sparse if field.kind == "single"]
        if not sizes and not inputs.width:
            raise UsageError(
                "boosting has no input: it reads multi-valued fields only in aggregates",
                "use --set features.aggregates=auto",
            )
        return BoostedTrees(inputs, sizes, len(schema.tasks), Grower(self.settings))
