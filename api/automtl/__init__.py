"""Multi-task recommendation models by neural architecture search, from Python.

    import automtl

    run = automtl.search(frame, labels=["click", "buy"])
    run.metrics
    run.predict(new_frame)
    run.export("exports/mine")

The functions do the same as the command line, with the same runs in the same folders.
"""

from automtl.jobs import Compared, compare, compare_on, load, search, train
from automtl.run import Run
from automtl_comparison.document import Comparison
from automtl_core import __version__
from automtl_core.errors import AutoMTLError

__all__ = [
    "AutoMTLError", "Compared", "Comparison", "Run", "__version__", "compare", "compare_on", "load", "search",
    "train",
]  # fmt: skip
