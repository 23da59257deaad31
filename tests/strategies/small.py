"""A problem of two tasks, small enough for tests of strategies, and what watches a search of it."""

from dataclasses import replace

from automtl_core.modules.cost import Cost
from automtl_core.registry.plugins import load_registry
from automtl_core.training.events import EpochEnded, EventHandler
from automtl_desan.space import DESAN, DESANSettings
from automtl_testing.samples import binary_metrics, plain_schema, sample_problem

SIZES = DESANSettings(
    embedding_dim=4, embedding_std=0.5, layers=1, experts=2, blocks=1, expert_width=8, tower_width=8,
    ops=("identity", "mlp-linear-4", "mlp-linear-8"),
)  # fmt: skip


class Small(DESAN):
    """DESAN that says at once what a network costs; to count it takes most of the time of a small search."""

    def cost(self, architecture):
        """Return a number that grows with each open option and with the width of ops."""
        decisions = architecture.decisions.values()
        widths = {op: 10 * k for k, op in enumerate(self.settings.ops)}
        total = sum(widths[d] if isinstance(d, str) else len(d) for d in decisions)
        return Cost(total, total, total)


def problem(seed=0, rows=256, **recipe):
    """Return a problem of four steps an epoch, with these settings of the recipe."""
    given = sample_problem(Small(plain_schema(), SIZES, load_registry().op), rows, seed)
    return replace(given, recipe=given.recipe.model_copy(update=recipe))


class Watch(EventHandler):
    """Keeps the reports, and has enough after some steps or epochs."""

    def __init__(self, steps: int | None = None, epochs: int | None = None) -> None:
        self.reports: list[EpochEnded] = []
        self.steps = 0
        self.last_step, self.last_epoch = steps, epochs

    @property
    def phases(self) -> list[str]:
        """The phase of each report."""
        return [report.phase for report in self.reports]

    def step(self, event):
        self.steps += 1
        return self.steps != self.last_step

    def epoch(self, report):
        self.reports.append(report)
        return len(self.reports) != self.last_epoch


def script(monkeypatch, aucs):
    """Let validation of what is trained from scratch return these AUCs epoch by epoch, for both tasks."""
    values = iter(aucs)

    def evaluate(*_):
        return dict.fromkeys(("click", "like"), binary_metrics(next(values), 0.5, 100, 400))

    monkeypatch.setattr("automtl_core.training.fit.evaluate", evaluate)
