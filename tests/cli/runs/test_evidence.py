"""What spoke for decisions is told for people."""

from typing import get_args

from automtl_cli.runs.evidence import PLURAL, summary
from automtl_core.search.evidence import Evidence, Verdict


def test_every_verdict_has_words_and_counts_add_up() -> None:
    assert set(PLURAL) == set(get_args(Verdict))
    evidence = [Evidence("task/click/experts", "expert0", "kept", verdict) for verdict in get_args(Verdict)]
    first, *_ = (str(line) for line in summary(evidence, ""))
    told = first.partition(": ")[2].split(", ")
    assert first.startswith(f"{len(evidence)} decisions")
    assert "1 kept" in first
    assert sum(int(part.split()[0]) for part in told if part[0].isdigit()) == len(evidence)
