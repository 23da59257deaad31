"""Random search, the baseline that a search strategy has to beat; optionally with successive halving.

Architectures are drawn uniformly over the decisions, each is trained with the same budget, and the best on
validation is kept (Li and Talwalkar, "Random Search and Reproducibility for Neural Architecture Search",
UAI 2019). Successive halving (Jamieson and Talwalkar, AISTATS 2016) spends more on those that do well:

    repeat until one is left:
        train each for b epochs more
        keep the best 1/eta
        b <- eta * b
"""

from copy import deepcopy
from dataclasses import replace

from pydantic import Field

from automtl_core import seeds
from automtl_core.choices import draw
from automtl_core.disk.state import State
from automtl_core.settings import Settings
from automtl_core.strategy import Problem, SearchResult, SearchStrategy
from automtl_core.training.fit import Fit
from automtl_core.training.listener import EpochReport, Listener
from automtl_core.training.metrics import metrics_from_json, relative_change


class RandomSettings(Settings):
    """Settings of random search."""

    candidates: int = Field(8, ge=1)
    """Architectures to draw and train. Of one there is nothing to compare, and nothing is trained."""
    epochs: int = Field(3, ge=1)
    """Epochs that each candidate is trained for; with halving, those of the first round."""
    halving: int | None = Field(None, ge=2)
    """eta of successive halving: after each round the best 1/eta of the candidates go on, for eta times as
    many epochs, until one is left. Null: all are trained once, and the best is taken."""


class RandomSearch(SearchStrategy[RandomSettings]):
    """Trains architectures drawn at random, and takes the best (Li and Talwalkar, UAI 2019)."""

    def __init__(self, settings: RandomSettings, problem: Problem) -> None:
        super().__init__(settings, problem)
        # Each candidate has a seed of its own, and so does not depend on the others, or on their number.
        self.seeds = [seeds.derive(problem.seed, "candidate", k) for k in range(settings.candidates)]
        choices = problem.space.choices()
        self.architectures = [draw(choices, seeds.generator(seed, "architecture")) for seed in self.seeds]
        self.epoch = 0
        self.going_on = True
        self.round = 0
        self.waiting = list(range(settings.candidates))  # those that this round has still to train
        self.fits: dict[str, State] = {}  # the training of each that may still win, as of its last epoch
        self.first: State = {}  # metrics of the first candidate, which all are scored against

    @classmethod
    def epochs(cls, settings: RandomSettings) -> int:
        """Return the epochs of all candidates together."""
        if settings.candidates == 1:
            return 0
        left, each, total = settings.candidates, settings.epochs, 0
        while left > 1:
            total += left * each
            left //= settings.halving or left
            each *= settings.halving or 1
        return total

    def search(self, listener: Listener) -> SearchResult:
        """Train round by round until one candidate is left, which keeps its weights."""
        if all(architecture == self.architectures[0] for architecture in self.architectures):
            return SearchResult(self.architectures[0])  # there is nothing to compare
        while self.waiting and self.going_on:
            number = self.waiting[0]
            fit = self._fit(number)
            fit.run(_OneOfMany(self, number, fit, listener))
            del self.waiting[0]
            self._keep_best()
            if not self.waiting and len(self.fits) > 1:
                self.round += 1
                self.waiting = sorted(map(int, self.fits))
        number = int(max(self.fits, key=self._score))
        winner = self._fit(number)
        winner.restore_best()
        return SearchResult(self.architectures[number], winner.network, winner.best_epoch)

    def _fit(self, number: int) -> Fit:
        """Return the training of a candidate, with the epochs up to the end of this round before it."""
        problem, seed = self.problem, self.seeds[number]
        epochs = self.settings.epochs * sum(self._eta**k for k in range(self.round + 1))
        # With so much patience nothing stops early: all have the same budget.
        recipe = problem.recipe.model_copy(update={"epochs": epochs, "patience": epochs})
        seeds.seed_torch(seed, "network")
        network = problem.space.network(self.architectures[number])
        fit = Fit(network, problem.data, recipe, seed, problem.compute)
        if str(number) in self.fits:
            fit.load_state_dict(self.fits[str(number)])
        return fit

    def _keep_best(self) -> None:
        """Forget those that cannot win any more."""
        keep = max(1, self.settings.candidates // self._eta ** (self.round + 1))
        trained = [number for number in self.fits if int(number) not in self.waiting]
        for number in sorted(trained, key=self._score, reverse=True)[keep:]:
            del self.fits[number]

    def _score(self, number: str) -> float:
        now, first = metrics_from_json(self.fits[number]["best"]), metrics_from_json(self.first)
        return relative_change(now, first, self.problem.recipe.min_positives)

    @property
    def _eta(self) -> int:
        return self.settings.halving or self.settings.candidates

    def finished_epoch(self, number: int, fit: Fit) -> int:
        """Note where the training of a candidate stands, and return the epochs of all together."""
        self.epoch += 1
        self.fits[str(number)] = deepcopy(fit.state_dict())
        if number == self.round == 0:
            self.first = self.fits["0"]["best"]
        return self.epoch

    def state_dict(self) -> State:
        """Return the training of those that may still win, and who is next."""
        return {
            "epoch": self.epoch,
            "round": self.round,
            "waiting": list(self.waiting),
            "fits": dict(self.fits),
            "first": self.first,
        }

    def load_state_dict(self, state: State) -> None:
        """Go on from `state` when searched next."""
        self.epoch, self.round, self.waiting = state["epoch"], state["round"], list(state["waiting"])
        self.fits, self.first = dict(state["fits"]), state["first"]


class _OneOfMany:
    """Listener of one candidate's training, which passes its epochs on as epochs of the whole search."""

    def __init__(self, search: RandomSearch, number: int, fit: Fit, listener: Listener) -> None:
        self.search = search
        self.number = number
        self.fit = fit
        self.listener = listener
        self.phase = f"candidate {number + 1}"

    def step(self, phase: str, epoch: int, steps: int, done: int, rows: int) -> bool:
        """Pass on."""
        self.search.going_on &= self.listener.step(self.phase, self.search.epoch + 1, steps, done, rows)
        return self.search.going_on

    def epoch(self, report: EpochReport) -> bool:
        """Pass on when the search has noted it."""
        epoch = self.search.finished_epoch(self.number, self.fit)
        self.search.going_on &= self.listener.epoch(replace(report, phase=self.phase, epoch=epoch))
        return self.search.going_on
