"""Serves an exported model with onnxruntime: rows in, one prediction for each task out."""

import json
import os
import sys
from pathlib import Path
from typing import Any

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # before the import: onnxruntime sends usage statistics
import onnxruntime
from fastapi import FastAPI, HTTPException

FOLDER = Path(os.environ.get("MODEL", "served"))
sys.path.insert(0, str(FOLDER))
from encode import Encoder, WrongValueError  # noqa: E402  # the code of the exported folder

encoder = Encoder(FOLDER / "encoder")
session = onnxruntime.InferenceSession(FOLDER / "model.onnx")
inputs = {each.name for each in session.get_inputs()}
scores = [score["name"] for score in json.loads((FOLDER / "scores.json").read_text("utf-8"))]
columns = list(json.loads((FOLDER / "examples.json").read_text("utf-8")))
app = FastAPI(title="Predictions of a model of automtl")


@app.post("/predict")
def predict(rows: list[dict[str, Any]]) -> list[dict[str, float]]:
    """Return for each row a prediction of each task; a missing column counts as blank."""
    values = {column: [row.get(column) for row in rows] for column in columns}
    try:
        arrays = encoder(values)
    except WrongValueError as wrong:
        raise HTTPException(422, str(wrong)) from wrong
    (predictions,) = session.run(None, {name: arrays[name] for name in inputs})
    return [dict(zip(scores, map(float, row), strict=True)) for row in predictions]
