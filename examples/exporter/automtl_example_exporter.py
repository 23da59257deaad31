"""TorchScript, a format that C++ programs read."""

from pathlib import Path
from typing import Any

import torch

from automtl_core.plugin import hookimpl
from automtl_export.exporter import Exporter, Graph, Predict


class TorchScript(Exporter):
    """TorchScript, which programs in C++ and Java load with libtorch."""

    libraries = "numpy and torch"

    @classmethod
    def write(cls, graph: Graph, folder: Path) -> None:
        """Write `model.pt`: the operations of the network on the sample rows, for any number of rows."""
        jit: Any = torch.jit  # which has no types
        traced = jit.trace(graph.network, tuple(graph.inputs.values()), check_trace=False)
        traced.save(str(folder / "model.pt"))

    @staticmethod
    def load(folder: Path) -> Predict:
        """Return the function of the written network. The example of an export contains this source."""
        import torch

        jit: Any = torch.jit
        network = jit.load(folder / "model.pt")
        return lambda rows: network(*map(torch.from_numpy, rows.values())).detach().numpy()


@hookimpl
def automtl_register_exporters() -> dict[str, type[TorchScript]]:
    """Register the format by its name."""
    return {"example-exporter": TorchScript}
