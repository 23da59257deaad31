"""Print the result of `make demo` in one sentence: what the search gained against MMoE, at what cost."""

import json
import sys
from pathlib import Path


def sentence(comparison: Path) -> str:
    """Return the verdict of a comparison on the run `demo`."""
    verdict = json.loads((comparison / "compare.json").read_text())["verdicts"]["demo"]
    return f"The result of the search, by mean test AUC: {verdict}"


if __name__ == "__main__":
    print(sentence(Path(sys.argv[1])))
