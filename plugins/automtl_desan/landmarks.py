"""Hand-designed models that DESAN contains, as points of it."""

import re
from collections.abc import Collection, Mapping, Sequence

from automtl_core.choices import AnyOf, Architecture, Choice, Decision
from automtl_core.dataset.schema import Schema
from automtl_desan.settings import DESANSettings


def landmarks(
    choices: Mapping[str, Choice], schema: Schema, settings: DESANSettings
) -> dict[str, Architecture]:
    """Return known points of the space by name; of equal ones the first.

    - shared-bottom: all tasks read one expert (Caruana 1997)
    - mmoe: all tasks mix all experts (KDD 2018)
    - single-task: each task has an expert alone, with a table of its own where tables are chosen; where
      there are as many experts as tasks
    - ple: each task mixes an expert of its own with those that all share (one level of PLE, RecSys 2020);
      where there are more experts than tasks
    - stem: the same, and experts of one task read tables of their own (AAAI 2024); where tables are chosen
    - all-OP: everything open, all blocks OP

    All but the last kind are of one layer and one block, the widest MLP, as far as layers may be left out
    and `identity` is an op. Their experts read each field as it is, without interaction.
    """
    tasks, experts = [task.name for task in schema.tasks], settings.expert_names
    alone, common = dict(zip(tasks, experts, strict=False)), experts[len(tasks) :]
    op, chosen = _widest(settings.ops), settings.tables == "chosen"
    found = {
        "shared-bottom": _by_hand(choices, op, dict.fromkeys(tasks, experts[:1])),
        "mmoe": _by_hand(choices, op, dict.fromkeys(tasks, experts)),
    }
    if len(alone) == len(tasks):
        single = {task: [expert] for task, expert in alone.items()}
        found["single-task"] = _by_hand(choices, op, single, experts if chosen else ())
    if common:
        mixed = {task: [expert, *common] for task, expert in alone.items()}
        found["ple"] = _by_hand(choices, op, mixed)
        if chosen:
            found["stem"] = _by_hand(choices, op, mixed, alone.values())
    found |= {f"all-{op}": _everything(choices, op) for op in settings.ops}
    first: dict[str, Architecture] = {}
    for name, architecture in found.items():
        if architecture not in first.values():
            first[name] = architecture
    return first


def _widest(ops: Sequence[str]) -> str:
    """Return the widest plain MLP, or where there is none the last op."""
    plain = [op for op in ops if re.fullmatch(r"mlp(-[a-z]+)*-\d+", op)]
    return max(plain, key=lambda op: int(op.rpartition("-")[2]), default=ops[-1])


def _by_hand(
    choices: Mapping[str, Choice], op: str, shares: Mapping[str, Sequence[str]], own: Collection[str] = ()
) -> Architecture:
    """Return the point at which tasks read the experts that they share, and some experts tables of their own.

    An expert of an upper layer reads the one of its name below it.
    """

    def decide(name: str, choice: Choice) -> Decision:
        where, _, what = name.rpartition("/")
        expert = where.rpartition("/")[2]
        match what:
            case "layers" | "interaction":
                return ()
            case "experts":
                read = shares[where.removeprefix("task/")] if where.startswith("task/") else [expert]
                return tuple(option for option in choice.options if option in read)
            case "table":
                return "own" if expert in own else "shared"
        if isinstance(choice, AnyOf):
            return choice.options
        more = not (where.startswith("layer0/") and what == "block0")
        return "identity" if more and "identity" in choice.options else op

    return Architecture({name: decide(name, choice) for name, choice in choices.items()})


def _everything(choices: Mapping[str, Choice], op: str) -> Architecture:
    """Return the point with everything open, every block the op, and the shared table."""

    def decide(choice: Choice) -> Decision:
        if isinstance(choice, AnyOf):
            return choice.options
        return op if op in choice.options else "shared"

    return Architecture({name: decide(choice) for name, choice in choices.items()})
