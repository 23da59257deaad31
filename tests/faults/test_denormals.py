"""Numbers below 2.2e-308 in documents of automtl: they are read as they were written, and are no damage."""

import json
from collections.abc import Callable

import pytest

from automtl_core.disk.signed import KEY, write_signed

from .programme import tried
from .stage import Stage, unclear
from .subjects import EVALUATE, PREDICT, REPORT

P_VALUE = 1.158e-309
"""A p value as of a z score of 37.7."""
COMMANDS = {
    "evaluate new rows": EVALUATE,
    "predict": PREDICT,
    "report": REPORT,
    "show": ("show", "runs/a"),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_run_with_small_p_values(stage: Callable[[str], Stage], name: str) -> None:
    subject = stage("predict")

    def fault(file: str) -> str | None:
        folder = subject.fresh()
        path = folder / "runs" / "a" / file
        content = json.loads(path.read_text())
        form = content.pop("format")
        del content[KEY]
        for task in content["baselines"].values():
            task["p_constant"] = P_VALUE
        write_signed(path, form, content)
        ended = subject.harness.run(folder, *COMMANDS[name])
        return unclear(ended) or (f"code {ended.code}: {ended.err[-300:]}" if ended.code else None)

    tried("denormal numbers in documents", ["result.json"], fault, name)
