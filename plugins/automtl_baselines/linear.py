"""A linear model of the fields for each task, with an L2 penalty that validation rows choose.

It has a weight for each value of a categorical field and for each bin of a number, as a logistic regression
of one-hot encoded fields has. So it is the simplest model of the same inputs: where networks are not ahead
of it, the effects of single fields decide, and not those of combinations.

Letters: B batch, N sparse fields, M dense fields, T tasks, F further numbers, P parameters.
"""

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, ClassVar, NamedTuple, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from scipy.optimize import minimize
from torch import Tensor, nn
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from automtl_baselines.parts import OF_NETWORKS
from automtl_core.plugin import (
    Chooser,
    Compute,
    Features,
    GoingOn,
    Inputs,
    Learner,
    Part,
    Recipe,
    SearchSpace,
    Settings,
    Task,
    TrainingData,
    batches,
    evaluate,
    is_encoder,
    seeds,
    task_losses,
)

log = logging.getLogger("automtl")
Floats: TypeAlias = np.ndarray[tuple[int], np.dtype[np.float64]]
ROWS = 1 << 16
"""Number of rows of a batch. The objective is a sum over batches, so this number limits only the memory."""
SAMPLE = 200_000
"""Maximum number of training rows, drawn at random, that try the penalties: more would choose the same."""
ITERATIONS = 50
"""Maximum number of iterations of L-BFGS for a penalty; early ones decide about predictions."""
TOLERANCE = 1e-5
"""Relative decrease of the objective in an iteration below which the training ends."""


class LinearSettings(Settings):
    """Settings of the linear model. Settings of networks, such as `training.learning_rate`, do not apply."""

    removed: ClassVar = {"rows": 200_000, "iterations": 50}

    penalties: tuple[Annotated[float, Field(ge=0)], ...] = Field((100.0, 30.0, 10.0, 3.0, 1.0), min_length=1)
    """L2 penalties, from large to small. The objective is the sum of losses over training rows, plus half the
    penalty times the sum of squared weights. Validation rows choose a penalty for each task."""


class Seen(NamedTuple):
    """Rows without histories, and the inputs from their histories."""

    rows: Part
    pasts: Sequence[Sequence[Tensor]]
    """The inputs of each batch, [B, width] each; empty without histories."""


class LinearModel(Learner):
    """y_t = b_t + sum_n v_nt(id_n) + sum_m w_mt(bin_m) + u_t z: features of B examples -> logits [B, T].

    z are F numbers: scaled dense fields, aggregates, and inputs from histories. For a field of several values
    v is the mean of their weights.

    Args:
        inputs: Encoded fields, with embeddings of size T and bins, and without histories.
        past: Inputs without embeddings, of which those from histories are read; None without.
        tasks: T.
        settings: Settings of the model.

    """

    def __init__(self, inputs: Inputs, past: Inputs | None, tasks: int, settings: LinearSettings) -> None:
        super().__init__()
        weighted = len(inputs.embedding.largest)  # fields with a weight for each value or bin
        weighted += len(inputs.numbers.edges) if inputs.numbers.bins else 0
        width = inputs.width - weighted * tasks + (sum(past.widths.histories) if past else 0)
        self.inputs, self.settings = inputs, settings
        self.past: Inputs | None = past
        self.numbers = nn.Linear(width, tasks, bias=False) if width else None
        self.bias = nn.Parameter(torch.zeros(tasks))
        self.register_buffer("penalties", torch.zeros(tasks))
        self.penalties: Tensor  # [T], those that validation rows chose
        for parameter in self.parameters():
            nn.init.zeros_(parameter)

    def forward(self, features: Features) -> Tensor:  # -> [B, T]
        return self._logits(features, self._of_histories(features))

    def _of_histories(self, features: Features) -> list[Tensor]:
        """Return the inputs from histories, [B, width] each, which have no weights."""
        return self.past.of_histories(features) if self.past else []

    def _logits(self, features: Features, past: Sequence[Tensor]) -> Tensor:  # -> [B, T]
        e = self.inputs(features)
        weights = torch.cat([e.sparse, e.numbers[:, :, 1:]], dim=1) if self.inputs.numbers.bins else e.sparse
        # A sum, as a product so that its FLOPs count.
        logits: Tensor = self.bias + torch.einsum("bkt,k->bt", weights, weights.new_ones(weights.shape[1]))
        if self.numbers is not None:
            logits = logits + self.numbers(torch.cat([e.numbers[:, :, 0], *e.aggregates, *past], dim=1))
        return logits

    def traceable(self) -> nn.Module:
        """Return this model, which is a network."""
        return self

    refits = True

    def refit(self, chosen: nn.Module, data: TrainingData, seed: int, going_on: GoingOn) -> None:
        """Train with the penalties of `chosen`."""
        assert isinstance(chosen, LinearModel)  # noqa: S101 - by the contract
        self.penalties.copy_(chosen.penalties)
        self._fit(self._seen(data.train), data.tasks, going_on)

    def learn(self, data: TrainingData, seed: int, going_on: GoingOn) -> None:
        """Try the penalties on some rows, from large to small, and train on all rows with the best ones."""
        some, tried, scores = data.train, self.settings.penalties, np.full(len(data.tasks), -np.inf)
        if sampled := len(some) > SAMPLE:
            drawn = seeds.generator(seed, "linear").choice(len(some), SAMPLE, replace=False)
            some = some.some(np.sort(drawn))
        seen = self._seen(some)
        best, chosen = self._weights(), np.full(len(scores), tried[0])
        for number, penalty in enumerate(tried, start=1):
            share = number / (len(tried) + sampled)
            self.penalties.fill_(penalty)
            self._fit(seen, data.tasks, lambda done, _, of=share: going_on(done * of, of))  # type: ignore
            metrics = evaluate(self, data.validation, data.tasks, Compute(self.bias.device))
            measured = [m.values[m.type.evidence] for m in metrics.values()]  # higher is better
            reached = np.array([-np.inf if value is None else value for value in measured])
            better = reached > scores
            if number > 1 and not better.any():
                break
            best = np.where(better[self._of_tasks()] | (number == 1), self._weights(), best)
            scores[better], chosen[better] = reached[better], penalty
        self.penalties.copy_(torch.from_numpy(chosen))
        self._set(best)
        if sampled:
            self._fit(self._seen(data.train), data.tasks, going_on)
        log.info("linear: L2 penalties %s", ", ".join(f"{p:g}" for p in chosen))

    @torch.no_grad()
    def _seen(self, rows: Part) -> Seen:
        """Return rows whose inputs from histories are known: these take longer than all else in a pass."""
        whole = batches(rows, ROWS, self.bias.device) if self.past else ()
        return Seen(replace(rows, histories=()), [self._of_histories(batch.features) for batch in whole])

    def _fit(self, seen: Seen, tasks: Sequence[Task], going_on: GoingOn) -> None:
        """Minimise the objective from the current weights by L-BFGS, until `going_on` returns False.

        The weights of a task do not depend on those of others, but a common search direction needs one pass
        over the rows for all tasks.
        """
        strengths = self.penalties.cpu().numpy()[self._of_tasks()]
        strengths[: len(self.bias)] = 0
        done, device = 0, self.bias.device
        losses = task_losses(Recipe(), tasks, device)

        def objective(weights: Floats) -> tuple[float, Floats]:
            self._set(weights)
            self.zero_grad()
            value = 0.0
            for place, batch in enumerate(batches(seen.rows, ROWS, device)):
                logits = self._logits(batch.features, seen.pasts[place] if seen.pasts else ())
                loss = losses.sums(logits, batch)[0].sum()
                loss.backward()  # type: ignore[no-untyped-call]
                value += loss.item()
            gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in self.parameters()]
            gradient = parameters_to_vector(gradients).cpu().numpy()
            return value + float((strengths * weights) @ weights) / 2, gradient + strengths * weights

        def callback(xk: Floats) -> None:
            nonlocal done
            done += 1
            if not going_on(done / ITERATIONS, 1.0):
                raise StopIteration

        self.eval()  # so that tables have dense gradients
        found = minimize(
            objective,
            self._weights(),
            method="L-BFGS-B",
            jac=True,
            callback=callback,
            options={"maxiter": ITERATIONS, "maxcor": 5, "ftol": TOLERANCE},
        )
        self._set(found.x)
        self.zero_grad()

    def _of_tasks(self) -> NDArray[np.int64]:
        """Return the index of the task of each weight, [P]; the T biases are the first weights."""
        tasks = torch.arange(len(self.bias))
        owners = [tasks]
        for name, p in [*self.named_parameters()][1:]:  # a table has a column for each task, a layer a row
            if p.numel():
                of_table = name.endswith("table.weight")
                owners.append((tasks if of_table else tasks.unsqueeze(1)).expand(p.shape).flatten())
        return torch.cat(owners).numpy()

    def _weights(self) -> Floats:  # [P]
        return parameters_to_vector(self.parameters()).detach().cpu().numpy().astype(np.float64)

    def _set(self, weights: Floats) -> None:  # [P]
        vector_to_parameters(torch.from_numpy(weights).to(self.bias), self.parameters())


class Linear(SearchSpace[LinearSettings]):
    """A linear model for each task: logistic regression, and ridge regression of numbers."""

    takes_encodings = True
    ignores = (*OF_NETWORKS, "features.numbers")

    def build(self, choose: Chooser) -> nn.Module:
        """Return the model before its training. It has no choices."""
        encodings, tasks = self.schema.encodings, len(self.schema.tasks)
        fields = self.schema.encoded(encodings.with_answers(numbers="bins", history=()))
        numeric = tuple(part for part in encodings.of_histories if not is_encoder(part))
        read = self.schema.encoded(encodings.with_answers(numbers="standard", history=numeric))
        past = Inputs(read, 0, 1.0) if read.history_inputs() else None
        return LinearModel(Inputs(fields, tasks, 0.0), past, tasks, self.settings)
