"""Training of a supernet by single paths, until the loss on validation rows stops improving.

Each step draws one architecture and updates only its weights: one random candidate of each choose-one, and
each option of a choose-any with a probability (Guo et al., "Single Path One-Shot", ECCV 2020; NASRec, WWW
2023). The architectures that are scored afterwards are therefore like those that were trained. Scores use the
moving average of the weights.

Candidates are random only in the second stage of the training. The first stage uses those of the most
expensive probe, as in progressive shrinking (Cai et al., "Once-for-All", ICLR 2020): if each step has other
candidates, embeddings take longer to learn effects of pairs of fields (research/history.md).

Both stages are short, with a higher learning rate and smaller batches than a training from scratch. In the
second stage the learning rate falls to 0 by a cosine (Loshchilov and Hutter, "SGDR", ICLR 2017).
"""

from collections.abc import Collection, Mapping
from dataclasses import replace
from math import cos, pi

import numpy as np
from pydantic import Field

from automtl_core.plugin import (
    AnyOf,
    Architecture,
    Averaging,
    Decision,
    HeldOut,
    HeldOutSettings,
    Listener,
    OneOf,
    Problem,
    RelaxedSearch,
    Scored,
    Softmax,
    State,
    Supernet,
    WeightAverage,
    cpu_copy,
    seeds,
    steps,
)

STAGE = ("first_epoch", "widened", "best_loss", "best_epoch", "best_weights")
"""Attributes of `Paths` that a checkpoint holds as they are."""
EPOCH_STEPS = 100
"""Maximum number of steps of an epoch; the next epoch reads other rows. On large data the supernet is
therefore scored more often, and its training ends soon after it stops improving."""
PATIENCE = 3
"""Epochs without a better held-out loss after which the first stage ends."""
SHARE = 0.7
"""Probability that an optional part (a field, an expert) is active in a training step."""


class PathSettings(HeldOutSettings):
    """Settings of a supernet that is trained by single paths."""

    epochs: int = Field(30, ge=1)
    """Maximum number of epochs of each of the two stages of supernet training. The first stage trains the
    operations of the most expensive hand-designed model in the space, the second stage trains random
    operations. `steps` may end a stage earlier, and early stopping the first one."""
    steps: int = Field(200, ge=1)
    """Maximum number of steps of each stage of supernet training, rounded up to an epoch; an epoch has
    100 steps or fewer. A larger value takes longer, and may help where effects of several fields together are
    hard to learn."""
    held_out: float = Field(0.2, ge=0, lt=1)
    """Share of the training rows that the search holds out for its decisions. The final training reads all
    training rows. With 0, the decisions are made on the validation rows, which also stop trainings, and the
    validation score flatters the result."""


class Paths:
    """A supernet in training, the moving average of its weights, and its best weights so far.

    Args:
        problem: The problem of the search.
        settings: Settings of the training.

    """

    def __init__(self, problem: Problem, settings: PathSettings) -> None:
        self.problem = problem
        self.settings = settings
        batch = max(1, round(problem.recipe.batch_size / 2))  # faster, and decisions are as good
        recipe = problem.recipe.having(batch_size=batch)
        self.relaxed = RelaxedSearch(replace(problem, recipe=recipe), Softmax())
        if isinstance(network := self.relaxed.supernet.network, Averaging):
            network.use_members(1)  # members learn less in as many steps, and cost more to score
        self.epoch_steps = min(steps(len(problem.data.train), batch), EPOCH_STEPS)
        span = self.epoch_steps if problem.recipe.average_weights else 0
        self.average = WeightAverage(self.relaxed.supernet, span, problem.compute)
        self.held_out = HeldOut(problem, settings.rows, problem.data.held_out)
        self._stopping = HeldOut(problem, settings.rows)
        known = probes(problem).values()
        self._probe = max(known, key=lambda a: problem.space.cost(a).flops_per_row)
        fixed = self._probe.decisions.items()
        self.bounds: dict[str, Decision] = {name: d for name, d in fixed if isinstance(d, str)}
        """Fixed choose-ones, and of each choose-any the options that may still be drawn."""
        self.first_epoch = 0  # of the current stage
        self.widened = False
        self.best_loss = float("inf")
        self.best_epoch = 0
        self.best_weights: State = {}

    @property
    def supernet(self) -> Supernet:
        """The supernet with averaged weights, which is scored."""
        averaged = self.average.network
        assert isinstance(averaged, Supernet)  # noqa: S101 - a copy of one
        return averaged

    @property
    def epoch(self) -> int:
        """Number of epochs that the supernet has been trained."""
        return self.relaxed.epoch

    @property
    def stage_epochs(self) -> int:
        """Maximum number of epochs of a stage."""
        return min(self.settings.epochs, -(-self.settings.steps // max(self.epoch_steps, 1)))

    @property
    def learning(self) -> bool:
        """Whether another epoch may help."""
        in_time = self.problem.spent() < (0.6 if self.widened else 0.35)
        few = self.epoch - self.first_epoch < self.stage_epochs
        better = self.widened or self.epoch - self.best_epoch < PATIENCE
        return self.relaxed.going_on and few and better and (in_time or self.epoch == self.first_epoch)

    def train(self, phase: str, listener: Listener) -> None:
        """Train the first stage until the held-out loss stops improving, and all of the second one.

        The first stage leaves its best weights, the second one its last weights.

        Args:
            phase: Name in reports.
            listener: Receives each step and epoch.

        """
        while self.learning:
            self.step_epoch(phase, listener)
        self.restore_best()
        if self.relaxed.going_on and not self.widened:
            self._widen()
            self.train(phase, listener)

    def _widen(self) -> None:
        """Begin the second stage: draw any candidate from now on."""
        self.widened, self.bounds = True, {}
        self.best_loss, self.best_epoch, self.first_epoch = float("inf"), self.epoch, self.epoch

    def narrow_to(self, decisions: Mapping[str, Decision], fixed: Collection[str]) -> None:
        """Draw no options that `decisions` close, and only the decided candidates of the `fixed` choose-ones.

        From now on the best weights are the best ones for these decisions.
        """
        self.bounds = {n: d for n, d in decisions.items() if not isinstance(d, str) or n in fixed}
        self._probe = Architecture(decisions)
        self.best_loss, self.best_epoch = float(self.validated(self._probe).losses.mean()), self.epoch
        self.best_weights = cpu_copy(self.supernet.state_dict())

    def step_epoch(self, phase: str, listener: Listener, fixed: Mapping[str, Decision] | None = None) -> None:
        """Train for one epoch, score and report; keep the weights if they are the best so far."""
        relaxed = self.relaxed
        epoch = relaxed.begin(phase, listener, most=self.epoch_steps * relaxed.problem.recipe.batch_size)
        random, weights = seeds.generator(self.problem.seed, "paths", relaxed.epoch), relaxed.weights
        for done, batch in enumerate(epoch):
            relaxed.optimiser.scale(self._rate(done))
            with relaxed.supernet.following(self.draw(random)):
                epoch.add(relaxed.step(batch, weights), batch)
            self.average.update()
        scored = self.validated(self._probe)
        loss = float(scored.losses.mean())
        if loss < self.best_loss or self.epoch - 1 == self.first_epoch or (fixed is None and self.widened):
            self.best_loss, self.best_epoch = loss, self.epoch
            self.best_weights = cpu_copy(self.supernet.state_dict())
        relaxed.end(epoch, listener, scored.metrics, fixed=fixed)

    def _rate(self, done: int) -> float:
        """Return the factor of the learning rate of the recipe after a number of steps of the current epoch.

        It is 3 in the first stage, falls from 3 to 0 in the second one, and is 1 in the epochs after both.
        """
        if not self.widened:
            return 3.0
        before = (self.epoch - 1 - self.first_epoch) * self.epoch_steps
        passed = (before + done) / (self.stage_epochs * self.epoch_steps)
        return 1.5 * (1 + cos(pi * passed)) if passed < 1 else 1.0

    def restore_best(self) -> None:
        """Load the best weights into the supernet and its average."""
        if self.best_weights:
            self.supernet.load_state_dict(self.best_weights)
            self.relaxed.supernet.load_state_dict(self.best_weights)

    def draw(self, random: np.random.Generator) -> dict[str, Decision]:
        """Draw a path within the bounds."""
        path = self.relaxed.supernet.path(random, SHARE)
        for name, bound in self.bounds.items():
            drawn = path[name]
            path[name] = bound if isinstance(bound, str) else tuple(o for o in bound if o in drawn)
        return path

    def score(self, architecture: Architecture) -> Scored:
        """Score an architecture on the rows for decisions, with the averaged weights."""
        return self.held_out.score(self.supernet, architecture.decisions)

    def validated(self, architecture: Architecture) -> Scored:
        """Score an architecture on validation rows, which stop the training."""
        return self._stopping.score(self.supernet, architecture.decisions)

    def state_dict(self) -> State:
        """Return weights, optimiser moments, best weights and bounds."""
        return {
            "relaxed": self.relaxed.state_dict(),
            "average": self.average.state_dict(),
            "bounds": Architecture(self.bounds).to_json(),
            **{name: getattr(self, name) for name in STAGE},
        }

    def load_state_dict(self, state: State) -> None:
        """Continue from `state`."""
        self.relaxed.load_state_dict(state["relaxed"])
        self.average.load_state_dict(state["average"])
        self.bounds = dict(Architecture.from_json(state["bounds"]).decisions)
        for name in STAGE:
            setattr(self, name, state[name])


def probes(problem: Problem) -> dict[str, Architecture]:
    """Return the first architectures to score: the landmarks of a space or, if it has none, uniform ones.

    A uniform one has every option open and the k-th candidate of each choose-one.
    """
    choices = problem.space.choices()
    most = max((len(c.options) for c in choices.values() if isinstance(c, OneOf)), default=1)

    def uniform(k: int) -> Architecture:
        return Architecture(
            {
                name: c.options if isinstance(c, AnyOf) else c.options[min(k, len(c.options) - 1)]
                for name, c in choices.items()
            }
        )

    return problem.space.landmarks() or {f"uniform {k + 1}": uniform(k) for k in range(most)}
