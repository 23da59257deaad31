"""Multi-task recommendation models by neural architecture search, from Python.

    import automtl

    model = automtl.Model(labels=["click", "buy"], time="at").fit(frame)
    model.leaderboard()
    model.predict(new_frame)
    model.export()

The functions do the same as the command line, with the same runs in the same folders.
"""

from automtl.jobs import Compared, compare, search, train
from automtl.model import Model, load
from automtl_comparison.document import Comparison
from automtl_core import __version__
from automtl_core.errors import AutoMTLError

__all__ = [
    "AutoMTLError", "Compared", "Comparison", "Model", "__version__", "compare", "load", "search", "train",
]  # fmt: skip
