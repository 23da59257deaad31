"""Landmarks of DESAN: hand-designed models that the space contains."""

import re
from collections.abc import Collection, Mapping, Sequence

from automtl_core.choices import AnyOf, Architecture, Choice, Decision
from automtl_core.dataset.schema import Schema
from automtl_desan.settings import DESANSettings


def landmarks(
    choices: Mapping[str, Choice], schema: Schema, settings: DESANSettings
) -> dict[str, Architecture]:
    """Return the landmarks of the space by name; only the first of equal ones.

    - shared-bottom: all tasks read one expert (Caruana 1997)
    - mmoe: all tasks mix all experts (KDD 2018)
    - single-task: each task has a private expert, with a private table if tables are chosen; only if there
      are at least as many experts as tasks
    - ple: each task mixes a private expert with the shared ones (one level of PLE, RecSys 2020); only if
      there are more experts than tasks
    - ple-2: two levels of PLE: a private expert of the second layer reads its own and the shared experts
      below, a shared one reads all; only if there are two layers or more
    - stem: like ple, and private experts read private tables (AAAI 2024); only if tables are chosen
    - all-OP: every option is open, and every block is OP

    All but all-OP have one block with the widest plain MLP, or the last op if there is none, and `identity`
    in all others, if it is an op. Their experts read each field directly, without interaction.
    """
    tasks, experts = [task.name for task in schema.tasks], settings.expert_names
    alone, common = dict(zip(tasks, experts, strict=False)), experts[len(tasks) :]
    plain = [op for op in settings.ops if re.fullmatch(r"mlp(-[a-z]+)*-\d+", op)]
    op = max(plain, key=lambda op: int(op.rpartition("-")[2]), default=settings.ops[-1])
    chosen = settings.tables == "chosen"
    models = {
        "shared-bottom": _by_hand(choices, op, dict.fromkeys(tasks, experts[:1])),
        "mmoe": _by_hand(choices, op, dict.fromkeys(tasks, experts)),
    }
    if len(alone) == len(tasks):
        single = {task: [expert] for task, expert in alone.items()}
        models["single-task"] = _by_hand(choices, op, single, experts if chosen else ())
    if common:
        mixed = {task: [expert, *common] for task, expert in alone.items()}
        models["ple"] = _by_hand(choices, op, mixed)
        if settings.layers > 1:
            below = {expert: [expert, *common] for expert in alone.values()} | dict.fromkeys(common, experts)
            models["ple-2"] = _by_hand(choices, op, mixed, below=below)
        if chosen:
            models["stem"] = _by_hand(choices, op, mixed, alone.values())
    for name in settings.ops:
        decided = {
            k: c.options if isinstance(c, AnyOf) else name if name in c.options else "shared"
            for k, c in choices.items()
        }
        models[f"all-{name}"] = Architecture(decided)
    first: dict[str, Architecture] = {}
    for name, architecture in models.items():
        if architecture not in first.values():
            first[name] = architecture
    return first


def _by_hand(
    choices: Mapping[str, Choice],
    op: str,
    shares: Mapping[str, Sequence[str]],
    own: Collection[str] = (),
    below: Mapping[str, Sequence[str]] | None = None,
) -> Architecture:
    """Return the landmark whose tasks read the experts in `shares`; experts in `own` have private tables.

    With `below`, experts of the second layer read these experts of the first one. In all other
    layers an expert reads the expert of the same name below.
    """

    def decide(name: str, choice: Choice) -> Decision:
        where, _, what = name.rpartition("/")
        expert = where.rpartition("/")[2]
        match what:
            case "interaction":
                return ()
            case "experts":
                if where.startswith("task/"):
                    read = shares[where.removeprefix("task/")]
                else:
                    read = (below or {}).get(expert, [expert]) if where.startswith("layer1/") else [expert]
                return tuple(option for option in choice.options if option in read)
            case "table":
                return "own" if expert in own else "shared"
        if isinstance(choice, AnyOf):
            return choice.options
        first = ("layer0/",) if below is None else ("layer0/", "layer1/")
        more = not (where.startswith(first) and what == "block0")
        return "identity" if more and "identity" in choice.options else op

    return Architecture({name: decide(name, choice) for name, choice in choices.items()})
