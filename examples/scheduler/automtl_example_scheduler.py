"""ASHA (Li et al., "A System for Massively Parallel Hyperparameter Tuning", MLSys 2020)."""

from collections import defaultdict

from pydantic import Field

from automtl_core.plugin import Candidate, Proposals, Scheduler, Settings, Training, TrialResult, hookimpl


class ASHASettings(Settings):
    """Settings of ASHA."""

    eta: int = Field(3, ge=2)
    """1/eta of the candidates of a rung go on, for eta times as many epochs."""
    trials: int = Field(27, ge=1)
    """Maximum number of candidates."""


class ASHA(Scheduler[ASHASettings]):
    """Successive halving that promotes a candidate before its rung is full."""

    window = 3  # candidates that train side by side

    def __init__(self, settings: ASHASettings, proposals: Proposals) -> None:
        super().__init__(settings, proposals)
        self.begun: dict[str, int] = {}  # candidate -> its latest rung
        self.rungs: defaultdict[int, dict[str, tuple[Candidate, TrialResult]]] = defaultdict(dict)

    def ask(self) -> Training | None:
        """Return the next training; None while results are missing, and at the end."""
        whole = self.proposals.recipe.epochs
        for rung in sorted(self.rungs, reverse=True):
            best = self.best(rung)
            for promoted in best[: len(best) // self.settings.eta]:
                if self.begun[promoted.name] == rung and self.settings.eta**rung < whole:
                    return self.training(promoted, rung + 1)
        number, known = len(self.begun), self.proposals.known
        new = known[number] if number < len(known) else self.proposals.draw(number)
        return self.training(new, 0) if new and number < self.settings.trials else None

    def tell(self, training: Training, result: TrialResult) -> None:
        """Receive the result of a training; it has no metrics if the training diverged."""
        self.rungs[self.begun[training.name]][training.name] = training.candidate, result

    def ranked(self) -> list[Training]:
        """Return the candidates, best first."""
        best = [c for rung in sorted(self.rungs, reverse=True) for c in self.best(rung)]
        return [Training(candidate) for candidate in {c.name: c for c in best}.values()]

    def training(self, candidate: Candidate, rung: int) -> Training:
        """Return the training of a candidate to the end of a rung."""
        self.begun[candidate.name] = rung
        return Training(candidate, min(self.settings.eta**rung, self.proposals.recipe.epochs))

    def best(self, rung: int) -> list[Candidate]:
        """Return the candidates of a rung, best first."""
        told = [pair for pair in self.rungs[rung].values() if pair[1].metrics]
        change = self.proposals.recipe.change
        return [c for c, _ in sorted(told, key=lambda pair: -change(pair[1].metrics, told[0][1].metrics))]


@hookimpl
def automtl_register_schedulers() -> dict[str, type[ASHA]]:
    """Register the scheduler by its name."""
    return {"example-scheduler": ASHA}
