"""The model card of an exported network: tasks, inputs, data, origin, costs and limits.

After Mitchell et al., "Model Cards for Model Reporting", FAT* 2019.
"""

import json
from collections.abc import Iterator, Mapping, Sequence

from automtl_core.dataset.schema import Schema, SparseField, Task
from automtl_core.dataset.scores import scores_of
from automtl_core.run_dir.facts import (
    Behaviour,
    Calibration,
    Costs,
    Data,
    Environment,
    Importance,
    Result,
    Search,
)
from automtl_core.run_dir.run import Run
from automtl_core.training.metrics import TaskMetrics, flat, measures, too_few
from automtl_core.views import importance
from automtl_core.views.markdown import markdown
from automtl_core.views.metrics import by_user
from automtl_core.views.values import Block, Grid, Section, Text

SPLITS = {
    "random": "Test rows were drawn at random: later rows, and those of new users, may differ more.",
    "time": "Test rows are the latest: rows of other times may differ more.",
    "user": "Test rows are of users without training rows.",
}
"""Split of the data -> the scope of the test."""


def card(run: Run) -> str:
    """Return the card of a finished run as Markdown.

    Raises:
        ArtifactError: the run is not tested yet.

    """
    test, result, data = run.tested(), run.read(Result), run.read(Data)
    schema, least = Schema.from_json(data.schema), run.config().training.min_positives
    sections = [
        Section("Tasks", list(_tasks(schema.tasks, test, least))),
        Section(
            "Scores", [Grid(["score", "meaning"], [[s.name, s.meaning] for s in scores_of(schema.tasks)])]
        ),
        Section("Calibration", list(map(Text, _calibration(run, test)))),
        Section("Inputs", [_inputs(schema), *_importance(run)]),
        Section("Data", list(map(Text, _data(data)))),
        Section("Origin", list(map(Text, _found(run, result)))),
        Section("Costs", list(map(Text, _costs(run, result)))),
        Section("Limits", list(map(Text, _limits(data, schema.tasks)))),
    ]
    tasks = ", ".join(task.name for task in schema.tasks)
    return markdown(f"{run.path.resolve().name}: {tasks}", sections)


def _tasks(tasks: Sequence[Task], test: Mapping[str, TaskMetrics], least: int) -> Iterator[Block]:
    """Yield the tasks, with their metrics on test rows."""
    unreliable = [task.name for task in tasks if not test[task.name].is_informative(least)]
    rows = [
        [task.name + " *" * (task.name in unreliable), _meaning(task), _measured(m), m.rows]
        for task in tasks
        for m in [test[task.name]]
    ]
    yield Grid(["task", "predicted", "test", "rows"], rows)
    yield Text("In brackets: 95 % confidence interval over other test rows.")
    few = {name: test[name] for name in unreliable}
    yield from map(Text, (*too_few(few, intervals=False), *by_user(test, least)))


def _meaning(task: Task) -> str:
    meaning = task.type.meaning.format(task.name)
    if task.type.standardised:
        meaning += f"; mean {task.mean:.4g}, deviation {task.deviation:.4g} in training rows"
    return f"{meaning}, where {task.given} is 1" if task.given else meaning


def _measured(m: TaskMetrics) -> str:
    if m.score is None:
        return f"undefined: {m.reason}"
    known = {metric: value for metric in measures(m.type, [m]) if (value := flat(m)[metric.key]) is not None}
    interval = " ({:{form}} to {:{form}})".format(*m.interval, form=m.type.score.form) if m.interval else ""
    found = [f"{one.title} {value:{one.form}}" for one, value in known.items()]
    found[0] += interval
    return ", ".join([*found, *([f"{m.positives:,} positives"] if m.positives is not None else [])])


def _values(field: SparseField) -> str:
    if field.vectors:
        return f"pretrained vectors of {field.size - 1:,} values of {field.vectors.column}"
    held = "any number of values" if field.kind == "bag" else "one value"
    return f"{held}, vocabulary of {field.size - 1:,}"


def _inputs(schema: Schema) -> Grid:
    rows = [[field.name, _values(field)] for field in schema.sparse]
    return Grid(["field", "values"], [*rows, *([number.name, "a number"] for number in schema.dense)])


def _importance(run: Run) -> Iterator[Text]:
    if run.has(Importance):
        yield from importance.sentences(run.read(Importance))


def _data(data: Data) -> Iterator[str]:
    rows = ", ".join(f"{part} {count:,}" for part, count in data.rows.items())
    yield f"- dataset `{data.dataset}`, version {data.version}; rows: {rows}"
    yield f"- fingerprint {data.fingerprint}"
    yield f"- settings: `{json.dumps(data.settings)}`"
    for name, file in sorted(data.raw.items()):
        yield f"- raw file `{name}`: {file['bytes']:,} bytes, SHA-256 {file['sha256']}"


def _calibration(run: Run, test: Mapping[str, TaskMetrics]) -> Iterator[str]:
    scaling = run.read(Calibration).scaling if run.has(Calibration) else {}
    without = run.read(Behaviour).log_loss_without_scaling if run.has(Behaviour) else {}
    for task, one in scaling.items():
        numbers = (
            f"sigmoid({one.slope:.4g} * logit {one.offset:+.4g}), fitted to {one.rows:,} validation rows"
        )
        m = test[task]
        yield f"- {task}: {numbers} (Platt scaling)"
        if task in without and m.loss is not None:
            before = f"without the calibration {without[task]:.4f}"
            yield f"- {task}: log loss on test rows {m.loss:.4f}, {before}"
    if others := [task for task, m in test.items() if m.type.probability and task not in scaling]:
        yield f"- not calibrated after the training: {', '.join(others)}; see the log loss"


def _found(run: Run, result: Result) -> Iterator[str]:
    config, environment = run.config(), run.read(Environment)
    how = f"searched by `{config.strategy.name}`" if config.strategy else "without a search"
    yield f"- space `{config.space.name}`, {how}, seed {config.seed}; best epoch {result.best_epoch}"
    if run.has(Search):
        count = len(run.read(Search).evidence)
        yield f"- {count} decisions with evidence; all decisions are in `architecture.json`"
    plugins = ", ".join(f"{name} {version}" for name, version in environment.plugins.items())
    libraries = "".join(f", {name} {version}" for name, version in environment.libraries.items())
    yield f"- automtl {environment.automtl} ({plugins}), torch {environment.torch}{libraries}"


def _costs(run: Run, result: Result) -> Iterator[str]:
    seconds = run.read(Costs).seconds
    beside = result.parameters_beside_embeddings
    yield f"- {result.parameters:,} parameters, {beside:,} of them outside of embeddings"
    yield f"- {result.flops_per_row:,} FLOPs per row in prediction"
    phases = {"encoding search": "encoding_search", "search": "search", "training": "train"}
    listed = ", ".join(f"{seconds.get(key, 0):,.0f} of {phase}" for phase, key in phases.items())
    yield f"- seconds: {listed}"


def _limits(data: Data, tasks: Sequence[Task]) -> Iterator[str]:
    if split := SPLITS.get(str(data.settings.get("split"))):
        yield f"- {split}"
    yield "- All values that are not in the training rows, and blanks, share one unseen id."
    if any(task.given for task in tasks):
        yield "- Where a task counts only if another label is 1, its metrics are those of such rows."
