"""Documents of a run with wrong content, signed anew: each read refuses it, or shows it; none fails."""

import hashlib
import json
import shutil
from itertools import cycle, islice

import pytest

from automtl_core.errors import AutoMTLError
from automtl_core.registry.plugins import load_registry
from automtl_core.run_dir.run import Run
from automtl_core.system.documents import canonical
from automtl_report.record import read_record
from automtl_report.run import card
from automtl_report.run_list import Watched, summaries

from ..core.workflow.lines import begin, make_job

REGISTRY = load_registry()
ODD = (None, [], {}, "x", -1, 10**30, 1e308, True, [[]], {"a": {}}, [None])
"""Values in place of those of a document."""
WHOLE = {"null": None, "list": [], "number": 5, "text": "x", "empty": {}, "format alone": {"format": 1}}
"""Documents in place of others."""
BYTES = {"no bytes": b"", "no text": b"\xff\xfe", "deep": b"[" * 100_000, "nan": b'{"format": NaN}'}
"""Files that are no documents."""
READS = {
    "list": lambda path: summaries(path.parent),
    "watch": lambda path: Watched.of(Run.open(path)),
    "show and card": lambda path: card(read_record(path, REGISTRY)),
    "way on": lambda path: Run.open(path).way_on(),
    "encoder": lambda path: Run.open(path).encoder(REGISTRY.field_encoders()),
    "reports": lambda path: Run.open(path).reports(),
}
FILES = ("answers", "architecture", "behaviour", "costs", "data", "decided", "environment", "identity",
         "importance", "result", "search", "status", "encoder/encoder")  # fmt: skip


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("documents")
    return begin(
        make_job(folder, {"strategy": {"name": "random", "candidates": 1, "rung_epochs": 1}}), folder / "run"
    )


def documents(whole):
    """Yield documents with wrong content, by name."""
    yield from WHOLE.items()
    values = cycle(ODD)
    for key in whole:
        if key in ("sha256", "format"):
            continue
        yield f"without {key}", {name: value for name, value in whole.items() if name != key}
        for odd in islice(values, 2):
            yield f"{key} {odd!r:.20}", {**whole, key: odd}
        if isinstance(whole[key], dict):
            name = next(iter(whole[key]), "x")
            yield f"{key}.{name}", {**whole, key: {**whole[key], name: next(values)}}


def signed(document):
    if not isinstance(document, dict):
        return document
    content = {key: value for key, value in document.items() if key != "sha256"}
    return {**content, "sha256": hashlib.sha256(canonical(content)).hexdigest()}


def faults(path):
    """Return the reads of a run that end with another error than one of the project."""
    found = []
    for name, read in READS.items():
        try:
            read(path)
        except AutoMTLError as error:
            if not error.fix:
                found.append(f"{name}: no remedy: {error}")
        except Exception as error:
            found.append(f"{name}: {error!r}")
    return found


@pytest.mark.parametrize("file", FILES)
def test_a_document_with_wrong_content_is_refused_or_shown(file, run, tmp_path):
    shutil.copytree(run.path, tmp_path / "runs" / "run")
    path = tmp_path / "runs" / "run" / f"{file}.json"
    if not path.exists():
        pytest.skip("the run has no such document")
    whole, found = json.loads(path.read_text()), {}
    for name, document in documents(whole):
        path.write_text(json.dumps(signed(document) if "sha256" in whole else document))
        found[name] = faults(tmp_path / "runs" / "run")
    for name, content in BYTES.items():
        path.write_bytes(content)
        found[name] = faults(tmp_path / "runs" / "run")
    assert {name: fault for name, fault in found.items() if fault} == {}
