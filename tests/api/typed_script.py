"""A script that uses the Python interface. It is no test: nothing runs it, and `mypy` checks it."""

import pandas as pd

import automtl


def best(frame: pd.DataFrame) -> float:
    """Use what a user needs, as its types allow."""
    run = automtl.Model(["click"]).fit(frame, progress=lambda report: report.epoch < 3)
    found: pd.DataFrame = run.predict(frame)
    outcome = automtl.compare(["mmoe"], frame, ["click"])
    print(outcome.scores, outcome.differences, run.export("out"), found)
    return float(run.metrics["auc"].max())


def wrong(frame: pd.DataFrame) -> None:
    """Use what the types forbid: `mypy` reports a comment `type: ignore` that nothing needs."""
    automtl.search(frame, labels=7)  # type: ignore[arg-type]
    automtl.Model(["click"]).fit(frame, progress=lambda report: report.epok < 3)  # type: ignore[attr-defined]
