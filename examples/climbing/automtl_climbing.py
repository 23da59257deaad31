"""Adds the strategy `climbing`: hill climbing, with each architecture trained from scratch."""

from dataclasses import replace

from pydantic import Field

from automtl_core.plugin import (
    Architecture,
    EventHandler,
    Fit,
    SearchResult,
    SearchStrategy,
    Settings,
    draw,
    hookimpl,
    metrics_from_json,
    relative_change,
    seeds,
)


class ClimbingSettings(Settings):
    """Settings of hill climbing."""

    trials: int = Field(8, ge=1)
    """Number of architectures that are trained."""
    epochs: int = Field(2, ge=1)
    """Maximum number of epochs of each training."""


class Progress(EventHandler):
    """Passes on the steps of a training, and keeps its last epoch."""

    def __init__(self, listener):
        self.listener, self.going_on = listener, True

    def step(self, event):
        self.going_on = self.listener(event)
        return self.going_on

    def epoch(self, event):
        self.last = event
        return True


class Climbing(SearchStrategy[ClimbingSettings]):
    """Changes one decision at a time, and keeps the change if validation scores improve."""

    def __init__(self, settings, problem):
        super().__init__(settings, problem)
        self.choices = problem.space.choices()
        self.trial, self.best, self.metrics = 0, None, None

    @classmethod
    def epochs(cls, settings, recipe):
        return settings.trials * settings.epochs

    def candidate(self):
        """Return a random architecture, and later the best one with one random decision."""
        random = seeds.generator(self.problem.seed, "climbing", self.trial)
        drawn = draw(self.choices, random, 0.8)
        if self.best is None:
            return drawn
        name = random.choice(list(self.choices))
        return Architecture({**self.best.decisions, name: drawn.decisions[name]})

    def fit(self, architecture):
        """Return the training of a network with new weights."""
        problem = self.problem
        seeds.seed_torch(problem.seed, "climbing", self.trial)
        recipe = problem.recipe.model_copy(update={"epochs": self.settings.epochs})
        network = problem.space.network(architecture)
        return Fit(network, problem.data, recipe, problem.seed, problem.compute)

    def search(self, listener):
        going_on = True
        while going_on and self.trial < self.settings.trials:
            architecture, progress = self.candidate(), Progress(listener)
            metrics = self.fit(architecture).run(progress)
            if self.best is None or self.gain(metrics) > 0:
                self.best, self.metrics = architecture, metrics
            self.trial += 1
            epoch = replace(progress.last, phase="climbing", epoch=self.trial)
            going_on = listener(epoch) and progress.going_on
        return SearchResult(self.best)

    def gain(self, metrics):
        """Return the mean over tasks of the relative improvement on validation rows."""
        return relative_change(metrics, self.metrics, self.problem.recipe.min_positives)

    def state_dict(self):
        if self.best is None:
            return {"trial": self.trial}
        metrics = {task: each.to_json() for task, each in self.metrics.items()}
        return {"trial": self.trial, "best": self.best.to_json(), "metrics": metrics}

    def load_state_dict(self, state):
        self.trial = state["trial"]
        if "best" in state:
            self.best = Architecture.from_json(state["best"])
            self.metrics = metrics_from_json(state["metrics"])


@hookimpl
def automtl_register_strategies():
    """Register the strategy by its name."""
    return {"climbing": Climbing}
