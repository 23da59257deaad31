"""The model card: what an exported network predicts, how well, at what cost, how it came about, its limits.

After Mitchell et al., "Model Cards for Model Reporting", FAT* 2019.
"""

import json
import math
from collections.abc import Iterator, Mapping, Sequence

from automtl_core.dataset.schema import Schema, Task
from automtl_core.errors import ArtifactError
from automtl_core.run_dir.facts import Costs, Data, Environment, Result, Search
from automtl_core.run_dir.run import Run
from automtl_core.training.metrics import BinaryMetrics, TaskMetrics, too_few

SPLITS = {
    "random": "Test rows were drawn at random: later rows, and those of new users, may differ more.",
    "time": "Test rows are the latest: rows of other times may differ more.",
    "user": "Test rows are of users that training rows do not hold.",
}
"""What a test says, by how the data was split."""
SURE = 1.96
"""Standard errors on either side of an interval of 95 %."""


def card(run: Run, parity: str) -> str:
    """Return the card of a finished run as Markdown.

    Args:
        run: Tested.
        parity: What is known of how exactly the graph repeats the network.

    Raises:
        ArtifactError: the run is not tested yet.

    """
    result, data = run.read(Result), run.read(Data)
    if result.test is None:
        raise ArtifactError(f"{run.path}: the network is trained, and not tested yet", run.way_on())
    schema, least = Schema.from_json(data.schema), run.config().training.min_positives
    parts = [
        [f"# {run.path.resolve().name}: {', '.join(task.name for task in schema.tasks)}"],
        ["## Tasks", "", *_tasks(schema.tasks, result.test, least)],
        ["## Inputs", "", *_inputs(schema)],
        ["## Data", "", *_data(data)],
        ["## How it was found", "", *_found(run, result)],
        ["## Costs", "", *_costs(run, result)],
        ["## Limits", "", *_limits(data, schema.tasks, parity)],
    ]
    return "\n\n".join("\n".join(part) for part in parts if part) + "\n"


def auc_interval(auc: float, positives: int, negatives: int) -> tuple[float, float]:
    """Return an interval of 95 % for what other test rows would change (Hanley and McNeil 1982, eq. 2)."""
    one, two = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    spread = auc * (1 - auc) + (positives - 1) * (one - auc**2) + (negatives - 1) * (two - auc**2)
    half = SURE * math.sqrt(max(spread, 0.0) / (positives * negatives))
    return max(auc - half, 0.0), min(auc + half, 1.0)


def _tasks(tasks: Sequence[Task], test: Mapping[str, TaskMetrics], least: int) -> Iterator[str]:
    """Yield what is predicted, and how well that was on test rows."""
    yield "| task | predicted | test | rows |"
    yield "|---|---|---|---|"
    notes = []
    for task in tasks:
        m = test[task.name]
        star = "" if m.tells(least) else " *"
        yield f"| {task.name}{star} | {_meaning(task)} | {_measured(m)} | {m.rows:,} |"
        if star:
            notes.append(too_few(task.name, getattr(m, "positives", None), m.rows))
    yield ""
    yield "In brackets: 95 % interval for what other test rows would change."
    yield from notes


def _meaning(task: Task) -> str:
    if task.kind == "regression":
        return f"number; mean {task.mean:.4g}, deviation {task.deviation:.4g} in training rows"
    return f"probability of 1, where {task.given} is 1" if task.given else "probability of 1"


def _measured(m: TaskMetrics) -> str:
    if not isinstance(m, BinaryMetrics):
        return f"RMSE {m.rmse:.5g}" if m.rmse is not None else f"undefined: {m.reason}"
    if m.auc is None:
        return f"undefined: {m.reason}"
    low, high = auc_interval(m.auc, m.positives, m.rows - m.positives)
    return f"AUC {m.auc:.4f} ({low:.4f} to {high:.4f}), log loss {m.log_loss:.4f}, {m.positives:,} positives"


def _inputs(schema: Schema) -> Iterator[str]:
    yield "| field | what it takes |"
    yield "|---|---|"
    for field in schema.sparse:
        what = "any number of values" if field.kind == "bag" else "one value"
        yield f"| {field.name} | {what}, of {field.size - 1:,} that are known |"
    for number in schema.dense:
        yield f"| {number.name} | a number |"


def _data(data: Data) -> Iterator[str]:
    rows = ", ".join(f"{part} {count:,}" for part, count in data.rows.items())
    yield f"- dataset `{data.dataset}`, version {data.version}; rows: {rows}"
    yield f"- fingerprint {data.fingerprint}"
    yield f"- settings: `{json.dumps(data.settings)}`"
    for name, told in sorted(data.raw.items()):
        yield f"- raw file `{name}`: {told['bytes']:,} bytes, SHA-256 {told['sha256']}"


def _found(run: Run, result: Result) -> Iterator[str]:
    config, environment = run.config(), run.read(Environment)
    how = f"searched by `{config.strategy.name}`" if config.strategy else "given, without a search"
    yield f"- space `{config.space.name}`, {how}, seed {config.seed}; best epoch {result.best_epoch}"
    if run.has(Search):
        told = len(run.read(Search).evidence)
        yield f"- {told} decisions have evidence; `architecture.json` has all of them"
    plugins = ", ".join(f"{name} {version}" for name, version in environment.plugins.items())
    libraries = "".join(f", {name} {version}" for name, version in environment.libraries.items())
    yield f"- automtl {environment.automtl} ({plugins}), torch {environment.torch}{libraries}"


def _costs(run: Run, result: Result) -> Iterator[str]:
    seconds = run.read(Costs).seconds
    beside = result.parameters_beside_embeddings
    yield f"- {result.parameters:,} parameters, {beside:,} of them beside embeddings"
    yield f"- {result.flops_per_row:,} operations a row in prediction"
    yield f"- {seconds.get('search', 0):,.0f} seconds of search, {seconds.get('train', 0):,.0f} of training"


def _limits(data: Data, tasks: Sequence[Task], parity: str) -> Iterator[str]:
    yield f"- {SPLITS[data.settings['split']]}"
    yield "- Values that training rows did not hold are all one unknown value, as blanks are."
    yield "- Probabilities are not calibrated beyond what training does; see the log loss."
    if any(task.given for task in tasks):
        yield "- Where a task counts only if another label is 1, its probability is that given the other."
    yield f"- {parity}"
