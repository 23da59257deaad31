"""Contract of formats of exports."""

import runpy
from pathlib import Path

import numpy as np

from automtl_core import seeds
from automtl_core.exporter import Exporter, graph, inputs, quiet
from automtl_testing.samples import sample_architectures, sample_part, sample_schema, sample_space


def check_exporter(exporter: type[Exporter], work_dir: Path) -> None:
    """Check that a format predicts as the network for any number of rows, and that its code stands alone.

    Args:
        exporter: The format.
        work_dir: An empty folder.

    Raises:
        UsageError: a library is not installed.

    """
    exporter.check()
    space, schema = sample_space(), sample_schema()
    seeds.seed_torch(0, "exporter")
    network = space.network(next(iter(sample_architectures(space, 1, 0)))).eval()
    made = graph(network, schema, sample_part(schema, 32, seed=0))
    with quiet():
        exporter.write(made, work_dir)
    assert any(work_dir.iterdir()), "`write` writes no file into the folder"
    code = work_dir / "load.py"
    code.write_text(f"from __future__ import annotations\n\n{exporter.source()}\n", encoding="utf-8")
    with quiet():  # the source alone, as in an exported folder
        predict = runpy.run_path(str(code))["load"](work_dir)
    for rows in (1, 2, 50):
        tensors = inputs(sample_part(schema, rows, seed=1), schema)
        expected = made.network(*tensors.values()).detach().numpy()
        output = np.asarray(predict({name: value.numpy() for name, value in tensors.items()}))
        shapes = f"{rows} rows have predictions {output.shape}, not {expected.shape}"
        assert output.shape == expected.shape, shapes
        gap = float(np.abs(output - expected).max())
        assert gap <= 1e-5, f"the predictions of {rows} rows differ from the network's by {gap:.2g}"
