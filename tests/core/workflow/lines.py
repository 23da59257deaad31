"""Small runs of the straight line, whole or stopped, and the bytes that they leave."""

import pytest
from stopping import StopAfter

from automtl_core.registry.plugins import load_registry
from automtl_core.run_dir.config import default, load_config
from automtl_core.run_dir.run import Run
from automtl_core.search.trial import Serial
from automtl_core.training.events import SILENT
from automtl_core.workflow import pipeline
from automtl_core.workflow.job import Job
from automtl_core.workflow.resolve_auto import resolve_auto
from automtl_core.workflow.run_trial import TrialRunner
from automtl_core.workflow.work import Work

REGISTRY = load_registry()
EQUAL = ("architecture.json", "metrics.jsonl", "weights.safetensors", "result.json", "search.json")
TRAINING = EQUAL[:-1]
"""Files of a run without a search."""
SMALL = {
    "dataset": {"rows": 1000},
    "space": {"embedding_dim": 4, "experts": 2, "expert_width": 8, "ops": ["identity", "mlp-16"]},
    "strategy": {"name": "pd-darts-entropy", "warmup_epochs": 1, "search_epochs": 2, "fix_per_epoch": 4},
    "training": {"batch_size": 256, "epochs": 3},
}


def make_job(tmp_path, *layers):
    shared = {"prepared_dir": tmp_path.parent / "prepared"}  # by all tests
    return Job.resolve(load_config(default(REGISTRY), SMALL, shared, *layers), REGISTRY)


def start(job, prepared, path):
    """Make a run of a job, after the encoding search."""
    job = resolve_auto(job, prepared, Serial(TrialRunner(job.registry, prepared)))
    return pipeline.start(job, prepared, path, job.checked(prepared))


def search(job, run, prepared, listener, tests=True, anyway=False):
    """Do the stages of a run of a job, whose settings `auto` have values in the run."""
    trials = Serial(TrialRunner(job.registry, prepared).train)
    began = job.having(**{key: getattr(run.initial_config(), key) for key in ("features", "training")})
    return pipeline.run(Work(began, run, prepared, listener, None, trials, anyway), tests)


def fit(job, run, prepared, listener):
    return search(job, run, prepared, listener, tests=False)


def begin(job, path, listener=SILENT):
    """Make a run and search in it."""
    prepared = job.prepare()
    with start(job, prepared, path) as run:
        search(job, run, prepared, listener)
    return run


def stopped(job, path, epochs):
    """Return a run that was stopped."""
    with pytest.raises(KeyboardInterrupt):
        begin(job, path, StopAfter(epochs))
    return Run.open(path)


def go_on(job, run, listener=SILENT, anyway=False):
    with run.working():
        search(job, run, job.prepare(), listener, anyway=anyway)


def contents(run, names=EQUAL):
    return {name: (run.path / name).read_bytes() for name in names}
