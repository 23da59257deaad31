"""Rows per second of the service of `docs/tutorials/serving`, on one core.

A model is trained on generated data and exported, and its service answers requests as an ASGI server calls
it: FastAPI reads the JSON, `encode.py` encodes the rows, onnxruntime computes the graph, and the answer
becomes JSON again. Only the sockets of the server are left out.

    python benchmarks/serving.py --rows 1,10,100 --seconds 5
"""

import argparse
import asyncio
import json
import os
import runpy
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

import automtl
from timing import RESULTS, report

TUTORIAL = Path(__file__).parents[1] / "docs" / "tutorials" / "serving"
SETTINGS = {"dataset": {"rows": 5000}, "training": {"epochs": 1}, "features": "ids"}


def service(folder: Path, model: str) -> tuple[Any, list[dict[str, Any]]]:
    """Return the service of an exported model, and its example rows."""
    run = automtl.train("synthetic", model=model, settings=SETTINGS, runs_dir=folder / "runs")
    served = run.export(folder / "served")
    shutil.copy(TUTORIAL / "app.py", folder)
    os.environ["MODEL"] = str(served)
    columns = json.loads((served / "examples.json").read_text("utf-8"))
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    return runpy.run_path(str(folder / "app.py"))["app"], rows


async def answered(app: Any, body: bytes) -> bytes:
    """Return the answer to a request, as a server gets it from the service."""
    parts: list[bytes] = []
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "scheme": "http",
        "path": "/predict", "raw_path": b"/predict", "query_string": b"", "root_path": "",
        "headers": [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())],
        "server": ("localhost", 8000), "client": ("localhost", 1),
    }  # fmt: skip

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        parts.append(message.get("body", b""))

    await app(scope, receive, send)
    return b"".join(parts)


async def measured(app: Any, rows: list[dict[str, Any]], count: int, seconds: float) -> dict[str, Any]:
    """Return the rate of requests with some rows, one request after the other."""
    body = json.dumps((rows * count)[:count]).encode()
    assert len(json.loads(await answered(app, body))) == count  # noqa: S101 - which also warms up
    times, start = [], time.perf_counter()
    while time.perf_counter() - start < seconds:
        before = time.perf_counter()
        await answered(app, body)
        times.append(time.perf_counter() - before)
    times.sort()
    return {
        "rows of a request": count,
        "rows/s": count * len(times) / sum(times),
        "median ms": 1e3 * times[len(times) // 2],
        "99 % ms": 1e3 * times[int(len(times) * 0.99)],
    }


def main() -> None:
    """Measure the service, and write the figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", default="1,10,100", help="rows of a request")
    parser.add_argument("--seconds", type=float, default=5.0, help="duration of each measurement")
    parser.add_argument("--model", default="mmoe")
    parser.add_argument("--out", default=str(RESULTS), help="folder; empty for none")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        folder = Path(work)
        os.environ["AUTOMTL_PREPARED"] = str(folder / "prepared")
        if hasattr(os, "sched_setaffinity"):  # before onnxruntime counts cores
            os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
        app, rows = service(folder, chosen.model)
        counts = [int(count) for count in chosen.rows.split(",")]
        found = [asyncio.run(measured(app, rows, count, chosen.seconds)) for count in counts]
        report("serving", f"{chosen.model} behind FastAPI on one core", found, chosen.out)


if __name__ == "__main__":
    main()
