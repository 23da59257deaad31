"""What was found, for people: all of it, or in short."""

import shlex
from collections.abc import Iterator
from pathlib import Path

from rich.console import RenderableType
from rich.text import Text

from automtl_cli.output import Json
from automtl_cli.runs import evidence, front, inputs, sharing
from automtl_cli.runs.architecture import tree
from automtl_cli.tables import safe
from automtl_core.comparison.verdicts import cost_in_words
from automtl_core.data.simulate import warning
from automtl_core.dataset.schema import Schema
from automtl_core.registry.plugins import load_registry
from automtl_core.run_dir.facts import Search
from automtl_core.search.encoding.search import Looked
from automtl_core.sharing import Sharing
from automtl_core.workflow.finding import Price, Truth, finding, price


def read(path: Path) -> Json:
    """Return what a run found, or what a file `architecture.json` says; raises as `finding` does."""
    registry = load_registry()
    found = finding(path, registry)
    cost, document = price(found.architecture, registry), found.to_json()
    document["cost"] = cost and cost.to_json()
    return {**document.pop("architecture"), **document, "path": str(path)}


def whole(found: Json, all_evidence: bool) -> Iterator[RenderableType]:
    """Render all decisions, who reads what, why it was decided so, and what else could be taken."""
    shared, search = Sharing.from_json(found["sharing"], ""), Search.from_json(found, "")
    yield tree(found, Price.from_json(found["cost"], "") if found["cost"] else None)
    yield from sharing.fields_seen(shared)
    yield from sharing.parts_read(shared)
    yield from _shared(found["origin"], found, shared)
    if found["origin"] and (why := found["unasked"]):
        yield safe(f"note: the search space cannot tell what is left out: {why}")
    if search.evidence:
        yield Text()
        hint = "" if all_evidence else f" (all: automtl show {shlex.quote(found['path'])} --evidence)"
        yield from evidence.summary(search.evidence, hint)
        if all_evidence:
            yield Text()
            yield evidence.everything(search.evidence)
    yield from _overrides(search)
    if search.front:
        yield Text()
        yield from front.render(search.front, found["path"])
    if (looked := _looked(found)) and looked.tried:
        yield Text()
        yield from inputs.whole(looked)
    if found["simulated"]:
        yield safe(f"\nnote: {warning(found['simulated'])}")


def short(found: Json) -> Iterator[RenderableType]:
    """Render in short what a search found: which fields are seen, a line a part, and why in a sentence."""
    origin, search = found["architecture"]["origin"], Search.from_json(found, "")
    shared = Sharing.from_json(found["sharing"], "")
    yield safe(f"architecture of {origin['space']}")
    yield from inputs.line(_looked(found))
    yield from sharing.fields_seen(shared)
    yield from _shared(origin, found, shared)
    if search.evidence or search.front:
        yield Text()
    yield from evidence.summary(search.evidence, "")
    yield from _overrides(search)
    if search.front:
        yield safe(f"taken of a front of {len(search.front)}: {_taken(search)}")
        yield from map(safe, _verdict(search))


def _overrides(search: Search) -> Iterator[RenderableType]:
    """Yield the settings that a search has found, in a line."""
    told = [f"{key}.{name} {value}" for key, part in search.overrides.items() for name, value in part.items()]
    if told:
        yield safe(f"settings that the search found: {', '.join(told)}")


def _looked(found: Json) -> Looked | None:
    return Looked.from_json(found["looked"], "") if found.get("looked") else None


def _shared(origin: Json | None, found: Json, shared: Sharing) -> Iterator[RenderableType]:
    fields = Schema.from_json(origin["schema"]).fields() if origin else []
    truth = Truth.from_json(found["truth"], "") if found["truth"] else None
    if parts := [*sharing.lines(shared), *sharing.unseen(shared, truth, fields)]:
        yield from (Text(), *parts)


def _verdict(search: Search) -> Iterator[str]:
    """Yield how what was taken stands beside the best of what was trained with it, if anything was."""
    taken = next((point for point in search.front if point.chosen and point.trained), None)
    others = [
        point for point in search.front if point.trained and not point.chosen and point.score is not None
    ]
    if taken is None or taken.score is None or not others:
        return
    best = max(others, key=lambda point: point.score or 0.0)
    change = f"{taken.score - (best.score or 0.0):+z.4f}".replace("0.", ".", 1)
    cost = cost_in_words(taken.flops_per_row / best.flops_per_row)
    yield f"beside the best that was trained with it, {best.name}: {change} in validation AUC; {cost}"


def _taken(search: Search) -> str:
    taken = [f"point {number}, {point.name}" for number, point in enumerate(search.front, 1) if point.chosen]
    return taken[0] if taken else "none of its points"
