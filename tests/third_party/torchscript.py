"""A format of exports: TorchScript, for programs in C++."""

from pathlib import Path
from typing import Any

import torch

from automtl_core.plugin import Exporter, Graph, Predict, hookimpl


class TorchScript(Exporter):
    """TorchScript, which libtorch loads."""

    libraries = "numpy and torch"

    @classmethod
    def write(cls, graph: Graph, folder: Path) -> None:
        """Write `model.pt`."""
        jit: Any = torch.jit  # which has no types
        traced = jit.trace(graph.network, tuple(graph.inputs.values()), check_trace=False)
        traced.save(str(folder / "model.pt"))

    @staticmethod
    def load(folder: Path) -> Predict:
        """Return the function of the written network."""
        import torch

        jit: Any = torch.jit
        network = jit.load(folder / "model.pt")
        return lambda rows: network(*map(torch.from_numpy, rows.values())).detach().numpy()


@hookimpl
def automtl_register_exporters():
    return {"torchscript": TorchScript}
