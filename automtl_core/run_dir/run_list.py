"""List of the runs in a folder: state, model and scores of each."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from automtl_core.disk.value import Value
from automtl_core.errors import AutoMTLError
from automtl_core.run_dir.facts import Costs, Data, Result
from automtl_core.run_dir.run import Run
from automtl_core.training.metrics import Metrics, mean_over_tasks


@dataclass(frozen=True)
class Summary(Value):
    """A summary of a run."""

    run: str
    """The run directory."""
    state: str
    """State as in `Status`; or `damaged`."""
    dataset: str | None = None
    data: str | None = None
    """Fingerprint of the prepared data; scores are comparable where it is equal."""
    model: str | None = None
    """Space and, for a search, strategy, as `automtl compare` names them."""
    seed: int | None = None
    score: float | None = None
    """Mean test AUC over the tasks with enough rows; None where there is none."""
    validation: float | None = None
    """Mean validation AUC in the same way. Runs are ranked by it: a choice by test scores would bias them."""
    scores: Mapping[str, float | None] = field(default_factory=dict)
    """Task -> its score on the test part: AUC, or RMSE of a regression."""
    flops_per_row: int | None = None
    seconds: float | None = None
    """Seconds of search and training."""
    note: str | None = None
    """Error that interrupted the run, or the damage."""


def summaries(folder: Path) -> list[Summary]:
    """Return the runs in a folder, sorted by dataset and validation AUC, those without a score last."""
    paths = sorted(path.parent for path in folder.glob("*/config.yaml"))
    return sorted(map(_listed, paths), key=_order)


def summary(path: Path) -> Summary:
    """Return the summary of a run; for a damaged one, the reason why it cannot be read.

    Raises:
        InputMissingError: there is no run.

    """
    run = Run.open(path)
    try:
        return _summary(run)
    except AutoMTLError as error:
        return _damaged(path, error)


def _listed(path: Path) -> Summary:
    """Return the summary of a run, or of a folder that cannot be read as one."""
    try:
        return summary(path)
    except AutoMTLError as error:
        return _damaged(path, error)


def _damaged(path: Path, error: AutoMTLError) -> Summary:
    return Summary(str(path), "damaged", note=str(error))


def _order(s: Summary) -> tuple[bool, str, bool, float, str]:
    return s.dataset is None, s.dataset or "", s.validation is None, -(s.validation or 0.0), s.run


def _summary(run: Run) -> Summary:
    status, config, data = run.status(), run.config(), run.read(Data)
    strategy = config.strategy and config.strategy.name
    basic = Summary(
        run=str(run.path),
        state=status.state,
        dataset=data.dataset,
        data=data.fingerprint,
        model=f"{config.space.name}:{strategy}" if strategy else config.space.name,
        seed=config.seed,
        note=status.error,
    )
    if not run.has(Result):
        return basic
    result, costs = run.read(Result), run.read(Costs)
    test: Metrics = result.test or {}
    least = config.training.min_positives
    return Summary(
        **{
            **basic.__dict__,
            "score": _mean_auc(test, least),
            "validation": _mean_auc(result.validation, least),
            "scores": {task: m.score for task, m in test.items()},
            "flops_per_row": result.flops_per_row,
            "seconds": sum(costs.seconds.values()),
        }
    )


def _mean_auc(metrics: Metrics, least: int) -> float | None:
    return mean_over_tasks({task: m.evidence for task, m in metrics.items()}, metrics, least)
