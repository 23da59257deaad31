"""Hand-designed models that DESAN contains, as points of it."""

from collections.abc import Callable, Collection, Mapping

from automtl_core.choices import AnyOf, Architecture, Choice, Decision
from automtl_core.schema import Schema
from automtl_desan.settings import DESANSettings

Open = Callable[[str, str], bool]
"""Whether an option of a choose-any is open, by the names of both."""


def landmarks(
    choices: Mapping[str, Choice], schema: Schema, settings: DESANSettings
) -> dict[str, Architecture]:
    """Return known points of the space by name; of equal ones the first.

    - shared-bottom: all tasks share one expert (Caruana 1997)
    - mmoe: all tasks mix all experts (KDD 2018)
    - single-task: each task has an expert alone; where there are enough experts
    - ple: each task mixes an expert of its own with those that all share (PLE, RecSys 2020); as above
    - all-OP: everything open, all blocks OP

    The first four read each field as it is, without interaction, and their experts are the widest MLP.
    """
    plain = [op for op in settings.ops if op.startswith("mlp") and "+" not in op]
    widest = plain[-1] if plain else settings.ops[-1]
    experts = [f"expert{j}" for j in range(settings.experts)]
    tasks = [task.name for task in schema.tasks]
    own = dict(zip(tasks, experts, strict=False))
    common = experts[len(tasks) :]
    everybody: dict[str, Collection[str]] = dict.fromkeys(tasks, experts)
    found = {
        "shared-bottom": _point(choices, widest, dict.fromkeys(tasks, experts[:1])),
        "mmoe": _point(choices, widest, everybody),
    }
    if len(own) == len(tasks) and len(tasks) > 1:
        found["single-task"] = _point(choices, widest, {task: [expert] for task, expert in own.items()})
        if common:
            mixed = {task: [expert, *common] for task, expert in own.items()}
            found["ple"] = _point(choices, widest, mixed)
    for op in settings.ops:
        found[f"all-{op}"] = _point(choices, op, everybody, interacts=True)
    first: dict[str, Architecture] = {}
    for name, architecture in found.items():
        if architecture not in first.values():
            first[name] = architecture
    return first


def _point(
    choices: Mapping[str, Choice], op: str, shares: Mapping[str, Collection[str]], interacts: bool = False
) -> Architecture:
    """Return the point at which each task reads the experts that it shares, on every layer."""

    def decide(name: str, choice: Choice) -> Decision:
        if not isinstance(choice, AnyOf):
            return op if op in choice.options else choice.options[0]  # the other choose-one is of tables
        *where, what = name.split("/")
        if what == "interaction" and not interacts:
            return ()
        if what != "experts":
            return choice.options
        if where[0] == "task":
            read: Collection[str] = shares[where[1]]
        else:  # an expert of an upper layer reads what the tasks that share it may read
            read = {e for experts in shares.values() if where[1] in experts for e in experts}
        return tuple(option for option in choice.options if option in read)

    return Architecture({name: decide(name, choice) for name, choice in choices.items()})
