"""An export predicts as its run, whatever columns, histories and encodings there are, and unseen values."""

import shutil
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

import automtl
from automtl_core.data.frames import NewExamples
from automtl_core.data.new_rows import new_rows
from automtl_core.registry.plugins import load_registry
from automtl_core.run_dir.run import Run
from automtl_core.workflow.workflow import Workflow
from automtl_export.encoder import exported
from automtl_export.formats import Onnx

from .test_served import table

SMALL = {"embedding_dim": 4, "experts": 2, "expert_layers": [8], "tower_layers": []}
MODELS = {
    "mmoe": SMALL,
    "linear": {"penalties": [3.0]},
    "boosting": {"rounds": 5},
    "average": {"models": [{"name": "mmoe", **SMALL}, {"name": "boosting", "rounds": 5}]},
}
CLOSE = 1e-6


def widened(given, draw):
    """Add numbers, a bag, parts of times, vectors and a label that is a number to a table."""
    rows, settings = given.files["rows"], given.settings
    sign = "|" if given.separator != "|" else " "
    count = len(rows)

    def blanked(values):
        return ["" if draw.random() < 0.1 else str(one) for one in values]

    price = blanked(draw.choice([draw.normal(5, 3, count), draw.integers(0, 9, count)]))
    tags = [sign.join(draw.choice(list("abcdef"), draw.integers(0, 4), False)) for _ in range(count)]
    more = {"price": price, "size": blanked(draw.gamma(2, 50, count)), "tags": tags}
    more["stars"] = blanked(draw.normal(1000, 0.5, count))
    given.files["rows"] = rows.assign(**more)
    if "columns" in settings:
        settings["columns"] = [*settings["columns"], *more]
    scaling = str(draw.choice(["standard", "minmax", "log", "none"]))
    missing = draw.choice([None, 1.5])
    settings["dense"] = {"price": {"scaling": scaling, "missing": missing}, "size": {}}
    settings["multi"] = {"tags": sign}
    if draw.random() < 0.3:
        settings["hashed"] = {**settings["hashed"], "tags": 5}
    settings["labels"]["stars"] = {"kind": "regression"}
    part = str(draw.choice(["hour", "weekday"]))
    settings["fields"] = {"part": {"kind": "time-part", "column": settings["time"], "part": part}}
    _, first, *_ = settings["sparse"]
    if draw.random() < 0.5 and first not in settings["hashed"] and given.separator not in "|;":
        values = sorted({one for one in rows[first] if one and one not in settings["blanks"]})[1:]
        values = list(dict.fromkeys(one.strip() for one in values))
        if settings["sparse"][first] == "integer":
            values = list(dict.fromkeys(str(int(float(one))) for one in values))
        vectors = draw.normal(size=(len(values), 3)).tolist()
        if given.ending != ".parquet":
            vectors = ["|".join(map(str, vector)) for vector in vectors]
        given.files["vectors"] = pd.DataFrame({first: values, "vector": vectors})
        settings["vectors"] = {first: f"vectors{given.ending}"}


def encodings(settings, draw):
    """Return settings of aggregates, numbers and histories."""
    names = [*settings["sparse"], "price", "tags", "part"]
    keys = [[name] for name in names] + [list(pair) for pair in pairwise(names)]
    chosen = [keys[n] for n in draw.permutation(len(keys))[: draw.integers(0, 4)]]
    aggregates = [{"key": key} for key in chosen]
    inputs = np.array(["matches", "last-2", "attention", "gru", "decay", "self-attention"])
    return {
        "aggregates": aggregates,
        "numbers": str(draw.choice(["bins", "standard"])),
        "derived": [["size", sign, "price"] for sign in "/-+" if draw.random() < 0.5],
        "history": inputs[np.sort(draw.permutation(len(inputs))[: draw.integers(1, 5)])].tolist(),
        "history_window": int(draw.choice([2, 50])),
    }


def unseen(given, draw):
    """Return rows, and the log of their events, some of whose values are in no training row."""
    frames = {name: frame.copy() for name, frame in given.files.items() if name in ("rows", "log")}
    for frame in frames.values():
        for n, (name, kind) in enumerate(given.settings["sparse"].items()):
            other = draw.random(len(frame)) < (0.05 if n == 0 else 0.3)  # owners stay, and their events
            new = [
                str(10**k + 7) if kind == "integer" else f"new{k}" for k in draw.integers(2, 5, len(frame))
            ]
            frame[name] = np.where(other, new, frame[name])
    for key, column in (given.settings["history"].get("lists") or {}).items():
        if (kind := given.settings["sparse"].get(key)) and column not in ("list age", "list done"):
            sign = given.settings["history"]["separator"]
            one = "1007" if kind == "integer" else "new"
            frames["rows"][column] = [
                sign.join(one if draw.random() < 0.3 else v for v in text.split(sign)) if text else text
                for text in frames["rows"][column]
            ]
    rows = frames["rows"]
    rows["price"] = np.where(draw.random(len(rows)) < 0.2, "12", rows["price"])
    rows["tags"] = np.where(draw.random(len(rows)) < 0.2, "z", rows["tags"])
    return {name: frame.replace("", None).astype(object) for name, frame in frames.items()}


def check(seed, folder, model):
    """Compare the predictions of a run with those of its export, and return the largest difference."""
    draw = np.random.default_rng([65, seed])
    given = table(seed)
    widened(given, draw)
    given.settings["history_length"] = min(given.settings["history_length"], 5)  # a graph has each step
    # A leaf of a tree has at least 20 rows.
    given.files["rows"] = pd.concat([given.files["rows"]] * (6 if model == "boosting" else 1))
    given.write(folder)
    given.settings["duplicates"] = "keep"
    settings = {
        "dataset": given.settings,
        "data_dir": str(folder),
        "prepared_dir": str(folder / "prepared"),
        "features": encodings(given.settings, draw),
        "space": MODELS[model],
        "training": {"epochs": 1, "batch_size": 32, "min_positives": 1},
        "importance": {"rows": 0},
    }
    if model in ("linear", "boosting"):  # which do not read these
        for name in ("numbers", "history_window"):
            del settings["features"][name]
        settings["training"] = {"min_positives": 1}
    run = automtl.train("table", model=model, settings=settings, runs_dir=folder / "runs", name="a")
    if draw.random() < 0.5:  # the graph is then compared on random rows
        shutil.rmtree(folder / "prepared")
    run.export(folder / "out")
    frames = unseen(given, draw)
    rows, trained = frames["rows"], Run.open(run.path)
    schema = trained.encoder().schema
    logged = schema.histories and not schema.histories[0].lists
    log = frames.get("log", rows) if logged else None
    reading = NewExamples(
        Workflow(load_registry()).new_examples(trained),
        rows,
        histories=schema.histories,
        log=log,
        rule=schema.lists,
    )
    with new_rows(reading) as served:
        (columns,) = served.chunks(len(rows))
    encoder = exported(folder / "out" / "encode.py", folder / "out" / "encoder")
    found = Onnx.load(folder / "out")(encoder(dict(columns.items())))
    expected = run.predict(rows, history=log)
    units = [1000.0 if name == "stars" else 1.0 for name in expected]
    assert expected.nunique().max() > 2
    return float(np.abs((found - expected.to_numpy()) / units).max())


@pytest.mark.needs_extra("onnx", "boosting")
@pytest.mark.filterwarnings("ignore::UserWarning")  # of tables so small
@pytest.mark.parametrize(("seed", "model"), list(zip((7, 5, 10, 1), MODELS, strict=True)))
def test_an_export_predicts_as_its_run(seed, model, tmp_path):
    assert check(seed, tmp_path, model) < CLOSE
