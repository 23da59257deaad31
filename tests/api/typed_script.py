"""A script that uses the Python interface. It is no test: nothing runs it, and `mypy` checks it."""

import pandas as pd

import automtl


def best(frame: pd.DataFrame) -> float:
    """Use what a user needs, as its types allow."""
    run = automtl.search(frame, labels=["click"], progress=lambda report: report.epoch < 3)
    found: pd.DataFrame = run.predict(frame)
    outcome = automtl.compare(frame, ["click"], models=["mmoe"])
    print(outcome.scores, outcome.verdicts["mmoe"], run.export("out"), found)
    return float(run.metrics["auc"].max())


def wrong(frame: pd.DataFrame) -> None:
    """Use what the types forbid: `mypy` reports a comment `type: ignore` that nothing needs."""
    automtl.search(frame, labels=7)  # type: ignore[arg-type]
    automtl.search(frame, labels=["click"], progress=lambda report: report.epok < 3)  # type: ignore[attr-defined]
