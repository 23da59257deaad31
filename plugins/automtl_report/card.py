"""The model card of an exported network: tasks, inputs, data, origin, costs and limits.

After Mitchell et al., "Model Cards for Model Reporting", FAT* 2019.
"""

from collections.abc import Iterator, Mapping, Sequence

from automtl_core.dataset.schema import Task, scores_of
from automtl_core.run_dir.facts import Calibration, Data, Environment, Refreshed, Search
from automtl_core.training.metrics import TaskMetrics, flat, measures, too_few
from automtl_core.views import Block, Figures, Grid, Section, Text
from automtl_inspection.behaviour import Behaviour
from automtl_report.measured import strongest
from automtl_report.metrics import by_user
from automtl_report.plain import markdown
from automtl_report.record import RunRecord, seen_by_aggregates
from automtl_report.run import data, inputs
from automtl_report.verdict import costs


def card(record: RunRecord) -> str:
    """Return the card of a finished run as Markdown.

    Raises:
        ArtifactError: the run is not tested yet.

    """
    test, schema = record.tested(), record.schema
    tasks: Sequence[Task] = schema.tasks if schema else ()
    scores = Grid(["score", "meaning"], [[score.name, score.meaning] for score in scores_of(tasks)])
    sections = [
        Section("Tasks", list(_tasks(tasks, test, record.min_positives))),
        Section("Scores", [scores]),
        Section("Calibration", list(map(Text, _calibration(record, test)))),
        *(Section("Inputs", [inputs(schema), *strongest(record)]) for schema in [schema] if schema),
        *(Section("Data", section.blocks) for section in data(record, fields=False)),
        Section("Origin", list(map(Text, _origin(record)))),
        Section("Costs", [Figures(dict(costs(record, record.result)))]),
        Section("Limits", list(map(Text, _limits(record.read(Data), tasks)))),
    ]
    return markdown(f"{record.path.resolve().name}: {', '.join(task.name for task in tasks)}", sections)


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
    values = [f"{metric.title} {value:{metric.form}}" for metric, value in known.items()]
    values[0] += interval
    return ", ".join([*values, *([f"{m.positives:,} positives"] if m.positives is not None else [])])


def _calibration(record: RunRecord, test: Mapping[str, TaskMetrics]) -> Iterator[str]:
    calibration, behaviour = record.get(Calibration), record.get(Behaviour)
    scaling = calibration.scaling if calibration else {}
    without = behaviour.log_loss_without_scaling if behaviour else {}
    for task, fit in scaling.items():
        numbers = f"sigmoid({fit.slope:.4g} * logit {fit.offset:+.4g})"
        yield f"- {task}: {numbers}, fitted to {fit.rows:,} validation rows (Platt scaling)"
        m = test[task]
        if task in without and m.loss is not None:
            losses = f"{m.loss:.4f}, without the calibration {without[task]:.4f}"
            yield f"- {task}: log loss on test rows {losses}"
    if others := [task for task, m in test.items() if m.type.probability and task not in scaling]:
        yield f"- not calibrated after the training: {', '.join(others)}; see the log loss"


def _origin(record: RunRecord) -> Iterator[str]:
    config, environment = record.config, record.read(Environment)
    how = f"searched by `{config.strategy.name}`" if config.strategy else "without a search"
    how += f", seed {config.seed}; best epoch {record.result.best_epoch}"
    yield f"- space `{config.space.name}`, {how}"
    if refreshed := record.get(Refreshed):
        yield f"- {seen_by_aggregates(refreshed)}; all metrics are those before the refresh"
    if record.get(Search) is not None:
        count = len(record.search.evidence)
        yield f"- {count} decisions with evidence; all decisions are in `architecture.json`"
    plugins = ", ".join(f"{name} {version}" for name, version in environment.plugins.items())
    libraries = "".join(f", {name} {version}" for name, version in environment.libraries.items())
    yield f"- automtl {environment.automtl} ({plugins}), torch {environment.torch}{libraries}"


def _limits(described: Data, tasks: Sequence[Task]) -> Iterator[str]:
    scopes = {
        "random": "Test rows were drawn at random: later rows, and those of new users, may differ more.",
        "time": "Test rows are the latest: rows of other times may differ more.",
        "user": "Test rows are of users without training rows.",
    }
    if split := scopes.get(str(described.settings.get("split"))):
        yield f"- {split}"
    yield "- All values that are not in the training rows, and blanks, share one unseen id."
    if any(task.given for task in tasks):
        yield "- Where a task counts only if another label is 1, its metrics are those of such rows."
