"""Sections about a search: the evidence for its decisions, its Pareto front, and its feature encodings."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from automtl_core.dataset.encodings import PLAIN, Aggregate, Encodings
from automtl_core.errors import listing
from automtl_core.run_dir.facts import EncodingSearch
from automtl_core.search.encoding.rows import EncodingSearchSettings
from automtl_core.search.encoding.search import EncodingSearchResult
from automtl_core.search.evidence import Evidence, Verdict
from automtl_core.tasks.kinds import distinct
from automtl_core.training.significance import SIGNIFICANCE, Difference
from automtl_inspection.sections import Block, Grid, Section, Text
from automtl_report.numbers import change, interval, p_value, some
from automtl_report.record import RunRecord

VERDICTS: Mapping[Verdict, str] = {
    "required": "required by ablation",
    "better": "improved held-out {measure}",
    "interchangeable": "significant for one of several equal parts",
    "no significant effect": "without significant effect",
    "by logit": "decided by architecture weights alone",
    "at chance": "at chance",
}
"""Verdict -> the words that follow the number of decisions; `{measure}` is AUC or R2."""
COLUMNS = {
    "choice": "choice", "option": "option", "action": "", "verdict": "verdict", "against": "against",
    "difference": "effect on loss", "p": "p", "flops": "FLOPs saved",
    "parameters": "parameters saved", "certainty": "certainty", "epoch": "epoch",
}  # fmt: skip
"""Field of `Evidence` -> title of its column."""
TEXTS = ("choice", "option", "action", "verdict", "against")
"""The columns without numbers."""


def measure(record: RunRecord, between: str = "or", counted: Collection[str] = ()) -> str:
    """Return the measures of some tasks, or of all: AUC, R2, or both with a word between them."""
    tasks = {task.name: task.kind for task in record.schema.tasks} if record.schema else {}
    kinds = [tasks[name] for name in counted or tasks if name in tasks] or ["binary", "regression"]
    return f" {between} ".join(kind.measure for kind in distinct(kinds))


def score_name(record: RunRecord, part: str, counted: Collection[str] = ()) -> str:
    """Return the name of the score of models: `mean test AUC`, or `test AUC of click` if it alone counts."""
    of, tasks = measure(record, "and", counted), record.schema.tasks if record.schema else ()
    if len(counted or tasks) == 1:
        return " of ".join([f"{part} {of}", *(counted if len(tasks) > 1 else ())])
    return f"mean {'of ' * (' and ' in of)}{part} {of}"


def evidence(record: RunRecord) -> Iterator[Section]:
    """Yield the number of decisions for each verdict, and the choices that were decided at chance.

    A field that was removed from several experts at once is one decision. A page has the evidence of each.
    """
    if not record.search.evidence:
        return
    decided = [records[0] for records in _comparisons(record.search.evidence)]
    counts = Counter(evidence.verdict for evidence in decided)
    words = VERDICTS.items()
    reasons = [f"{counts[v]} {text.format(measure=measure(record))}" for v, text in words if counts[v]]
    notes = [f"{len(decided)} decision{'s' * (len(decided) > 1)}: {', '.join(reasons)}"]
    if chance := [d.choice for d in decided if d.verdict == "at chance"]:
        names = some(list(dict.fromkeys(chance)), 3)
        notes.append(f"{len(chance)} made at chance, without evidence: {names}")
    yield Section("evidence", list(map(Text, notes)), more=decisions(record.search.evidence))


def decisions(evidence: Sequence[Evidence]) -> list[Block]:
    """Return a table of all decisions, without columns that are empty for all.

    An option that was removed from several choices at once has one row.
    """
    rows = []
    for first, *more in _comparisons(evidence):
        cells: dict[str, Any] = {**vars(first), "difference": effect(first)}
        cells["choice"] += f" + {len(more)} more" if more else ""
        cells["p"] = None if first.p is None else p_value(first.p)
        rows.append(cells)
    columns = [name for name in COLUMNS if any(row[name] is not None for row in rows)]
    grid = [["" if row[name] is None else row[name] for name in columns] for row in rows]
    legend = (
        "closed: removed; effect on loss: mean of 1 - AUC (1 - R2) on held-out rows with the decision (of a "
        "kept option: without it) minus that of the alternative, 95 % interval; p: after Holm's correction, "
        f"significant below {SIGNIFICANCE}; + N more: from N more choices at once; everywhere: from all"
    )
    notes = [Text(legend)] if "difference" in columns else []
    letters = "".join("l" if name in TEXTS else "r" for name in columns)
    return [Grid([COLUMNS[name] for name in columns], grid, letters, folded="their evidence"), *notes]


def _comparisons(evidence: Sequence[Evidence]) -> list[list[Evidence]]:
    """Return the records of each comparison: an option may be closed in several choices at once."""
    together: dict[tuple[object, ...], list[Evidence]] = {}
    for e in evidence:
        at_once = e.action == "closed" and e.difference is not None
        key = (e.option, e.difference, e.error) if at_once else (e.choice, e.option, e.verdict)
        together.setdefault(key, []).append(e)
    return list(together.values())


def effect(decided: Evidence) -> str | None:
    """Return the effect of a decision on the held-out loss, with its 95 % interval; None if unknown."""
    return None if decided.difference is None else change(decided.difference, *decided.interval)


def overrides(record: RunRecord) -> Iterator[Text]:
    """Yield the settings that a search changed."""
    # A space with a name is another model, which the table of models tells.
    changes = {part: values for part, values in record.search.overrides.items() if "name" not in values}
    if chosen := [f"{part}.{name} {v}" for part, values in changes.items() for name, v in values.items()]:
        yield Text(f"Settings that the search chose: {', '.join(chosen)}")


def aggregates(record: RunRecord) -> Iterator[Section]:
    """Yield the aggregates that were selected, with what each tells that the others do not."""
    searched = record.get(EncodingSearch)
    if searched is None or not (keys := searched.encoding_search.keys):
        return
    tasks = list(keys[0].gains)
    rows = list[list[object]]()
    for key in keys:
        gains = [interval(key.gains[task]) for task in tasks]
        rows.append([key.aggregate.name.removeprefix("by "), key.cells, *gains, p_value(key.p)])
    note = (
        "Variance of each label that a key alone explains, linearly, on held-out training rows; p: corrected"
    )
    grid = Grid(["key", "combinations", *tasks, "p"], rows, f"lr{'r' * len(tasks)}r")
    yield Section("aggregates", [Text(note), grid])


def encodings(record: RunRecord) -> Iterator[Section]:
    """Yield a table of all feature encodings that the encoding search trained."""
    searched = record.get(EncodingSearch)
    if searched is None or not searched.encoding_search.trials:
        return
    result, title = searched.encoding_search, measure(record)
    told = [(one.answers == result.answers, in_words(one.answers) or "none", one) for one in result.trials]
    rows = [["->" * chosen, words, one.score] for chosen, words, one in told]
    yield Section("feature encodings", [Grid(["", "inputs added", title], rows, "llr")])


OVER_ALL_ROWS = "if predictions of different lists are compared, as bids are, set training.monitor_metric=auc"
WITHIN_USERS = (
    "if the rows of a user compete, name them by dataset.list, such as {user, gap: 30m}, so that GAUC decides"
)
"""Advice to a user whose predictions are judged in the other view."""


def encoding(result: EncodingSearchResult) -> str:
    """Return the inputs that the encoding search added, and their gain in a measure such as AUC."""
    gain = f" ({result.gain:+z.4f} {result.measure} on held-out rows)" if result.trials else ""
    every = result.answers, *(one.answers for one in result.trials)
    told = [in_words({name: of[name] for name in PLAIN if name in of}, 3) for of in every]
    if told[0]:
        return f"inputs added: {told[0]}{gain}"
    tried = some([*dict.fromkeys(filter(None, told))], 2)
    return f"inputs added: none{result.why and f', {result.why}'}{tried and f'; without a gain: {tried}'}"


def apart(result: EncodingSearchResult) -> Iterator[str]:
    """Yield a warning where the chosen feature encodings lose in the view that did not decide."""
    other = result.other_view
    if other is None or (gap := Difference.of(other.gain, other.error)).standing() != "behind":
        return
    loses = f"lose {other.measure}: {interval(gap)}, 95 % interval"
    advice = OVER_ALL_ROWS if other.measure == "AUC" else WITHIN_USERS
    yield f"the chosen inputs gain {result.gain:+.4f} {result.measure}, and {loses}; {advice}"


def in_words(answers: Mapping[str, Any], most: int = 99) -> str:
    """Return values of encoding settings in words, the first of long lists; those of earlier versions not."""
    removed = {*Encodings.removed, *EncodingSearchSettings.removed}
    told = (_words(name, answer, most) for name, answer in answers.items() if name not in removed)
    return "; ".join(filter(None, told))


def _words(name: str, answer: Any, most: int) -> str:
    if name == "aggregates":
        names = (Aggregate.model_validate(one).name for one in answer)
        keys = [name.removeprefix("by ").replace("*", " x ") for name in names]
        return f"mean labels of {some(keys, most)} (earlier rows)" * bool(keys)
    if name == "derived":
        return some([" ".join(one) for one in answer], most)
    if name == "history":
        return f"history ({listing(answer)}) of a user" * bool(answer)
    if name == "numbers":
        return "bins of numbers" if answer == "bins" else ""
    return f"{name.replace('_', ' ')} {answer:g}"
