"""The built-in formats of exported networks."""

from importlib.util import find_spec
from pathlib import Path

import torch

from automtl_core.errors import UsageError
from automtl_export.exporter import Exporter, Graph, Predict, quiet


class Onnx(Exporter):
    """ONNX, for onnxruntime and most servers of models."""

    libraries = "numpy and onnxruntime"

    @classmethod
    def check(cls) -> None:
        """Check that the libraries for ONNX are installed."""
        if missing := [name for name in ("onnx", "onnxscript", "onnxruntime") if find_spec(name) is None]:
            raise UsageError(f"ONNX needs {', '.join(missing)}", "install it: pip install 'automtl[onnx]'")

    @classmethod
    def write(cls, graph: Graph, folder: Path) -> None:
        """Write `model.onnx`."""
        size = sum(weight.numel() * weight.element_size() for weight in graph.program.state_dict.values())
        with quiet():
            made = torch.onnx.export(
                graph.program, verbose=False, input_names=[*graph.inputs], output_names=["predictions"]
            )
            assert made is not None  # noqa: S101 - it is None only if torch writes the file
            made.model.graph.metadata_props.clear()
            for node in made.model.graph.all_nodes():
                node.metadata_props.clear()  # else names of sources and of their parts in torch
            # Weights of more than 1 GiB are in a separate file.
            made.save(str(folder / "model.onnx"), external_data=size > 1 << 30)

    @staticmethod
    def load(folder: Path) -> Predict:
        """Return the function of the graph."""
        import os

        os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # or onnxruntime sends usage statistics
        import onnxruntime

        session = onnxruntime.InferenceSession(str(folder / "model.onnx"))
        taken = {one.name for one in session.get_inputs()}  # a network may not use all inputs
        return lambda rows: session.run(None, {name: rows[name] for name in rows if name in taken})[0]


class Torch(Exporter):
    """A program of `torch.export`, for torch."""

    libraries = "numpy and torch"

    @classmethod
    def write(cls, graph: Graph, folder: Path) -> None:
        """Write `model.pt2`."""
        torch.export.save(graph.program, folder / "model.pt2")

    @staticmethod
    def load(folder: Path) -> Predict:
        """Return the function of the graph."""
        import os
        from tempfile import TemporaryDirectory

        import torch

        with TemporaryDirectory() as cache:  # torch's compiler needs a folder of its own
            os.environ["TORCHINDUCTOR_CACHE_DIR"] = cache
            network = torch.export.load(folder / "model.pt2").module()
        return lambda rows: network(*map(torch.from_numpy, rows.values())).detach().numpy()
