"""The parameters of a study: the choices of a space, and settings with a domain.

`SearchSpace.build(choose)` is the objective: the chooser asks for a value where the space has a choice
(define-by-run, Akiba et al., "Optuna", KDD 2019), so that parts which are not built have no parameters.
"""

import json
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

from automtl_core.choices import AnyOf, Architecture, Choice, Decision, OneOf
from automtl_core.modules.cost import meta
from automtl_core.modules.supernet import Fixing
from automtl_core.settings.settings import Search
from automtl_core.space import SearchSpace

ALL, NONE, SOME = "all", "none", "some"
"""Values of the parameter of a choose-any. Options are a group: only for `some` each has a parameter."""

Value = str | int | float | bool
Parameters = dict[str, Value]
"""Name of a parameter -> its value."""


class Suggests(Protocol):
    """A trial of Optuna."""

    def suggest_categorical(self, name: str, choices: Sequence[Any], /) -> Any: ...
    def suggest_int(self, name: str, low: int, high: int, /, *, log: bool) -> int: ...
    def suggest_float(self, name: str, low: float, high: float, /, *, log: bool) -> float: ...


def suggesting(trial: Suggests, options: MutableMapping[str, Sequence[str]]) -> Callable[[Choice], Decision]:
    """Return the decision of each choice by parameters of a trial.

    Args:
        trial: Suggests values.
        options: Name of a parameter -> its options in earlier trials, which is extended. Where the options of
            a choice depend on settings, each list of options is a parameter of its own.

    """

    def decide(choice: Choice) -> Decision:
        parameter = choice.name
        if isinstance(choice, OneOf):
            while options.setdefault(parameter, choice.options) != choice.options:
                parameter += "'"
            return str(trial.suggest_categorical(parameter, choice.options))
        groups = (ALL, NONE, SOME) if len(choice.options) > 1 else (ALL, NONE)
        group = trial.suggest_categorical(parameter, groups)
        return tuple(
            option
            for option in choice.options
            if group == ALL
            or (group == SOME and trial.suggest_categorical(f"{parameter}: {option}", (False, True)))
        )

    return decide


def suggested_architecture(
    space: SearchSpace, trial: Suggests, options: MutableMapping[str, Sequence[str]]
) -> Architecture:
    """Return the architecture that a trial suggests, in its canonical form; see `suggesting`."""
    choose = Fixing(suggesting(trial, options))
    with meta():
        space.build(choose)
    unasked: dict[str, Decision] = {
        name: () if isinstance(choice, AnyOf) else choice.options[0]
        for name, choice in space.choices().items()
    }
    return space.canonical(Architecture({**unasked, **choose.asked}))


def parameters_of(architecture: Architecture, choices: Mapping[str, Choice]) -> Parameters:
    """Return the parameters with which a trial suggests an architecture."""
    found: Parameters = {}
    for name, decision in architecture.decisions.items():
        if isinstance(decision, str):
            found[name] = decision
            continue
        options = choices[name].options
        found[name] = ALL if set(decision) == set(options) else SOME if decision else NONE
        found |= {f"{name}: {option}": option in decision for option in options}
    return found


def usable(domains: Mapping[str, Search], values: Mapping[str, Any]) -> dict[str, Search]:
    """Return the domains, each with the value of the run in it.

    A setting is left out if its value cannot be in its domain, such as 0 on a log scale, which turns
    something off.
    """
    found: dict[str, Search] = {}
    for name, domain in domains.items():
        value = values[name]
        if domain.choices:
            more = () if _label(value) in map(_label, domain.choices) else (value,)
            found[name] = replace(domain, choices=(*domain.choices, *more))
        elif isinstance(value, int | float) and (value > 0 or not domain.log):
            found[name] = replace(domain, low=min(domain.low, value), high=max(domain.high, value))
    return found


def suggested_settings(
    trial: Suggests, domains: Mapping[str, Search], values: Mapping[str, Any]
) -> dict[str, dict[str, Any]]:
    """Return the values that a trial suggests for settings, by part.

    Args:
        trial: Suggests values.
        domains: Name of a setting -> its domain.
        values: Name of a setting -> its value in the run, which is not rounded.

    """
    found: dict[str, dict[str, Any]] = {}
    for name, domain in domains.items():
        part, _, setting = name.partition(".")
        found.setdefault(part, {})[setting] = _suggested(trial, name, domain, values[name])
    return found


def parameters_of_settings(values: Mapping[str, Any], domains: Mapping[str, Search]) -> Parameters:
    """Return the parameters of some settings, without values outside of their domains."""
    parameters: Parameters = {}
    for name, value in ((name, values[name]) for name in domains if name in values):
        low, high, choices = domains[name].low, domains[name].high, domains[name].choices
        if choices and _label(value) in map(_label, choices):
            parameters[name] = _label(value)
        elif not choices and isinstance(value, int | float) and low <= value <= high:
            parameters[name] = value
    return parameters


def _suggested(trial: Suggests, name: str, domain: Search, value: Any) -> Any:
    if domain.choices:
        by_label = {_label(choice): _plain(choice) for choice in domain.choices}
        return by_label[trial.suggest_categorical(name, tuple(by_label))]
    low, high = domain.low, domain.high
    if isinstance(low, int) and isinstance(high, int):
        return trial.suggest_int(name, low, high, log=domain.log)
    found = trial.suggest_float(name, low, high, log=domain.log)
    return value if found == value else float(f"{found:.3g}")


def _label(value: Any) -> Value:
    """Return a value as Optuna takes it."""
    return value if isinstance(value, str | int | float | bool) else json.dumps(value)


def _plain(value: Any) -> Any:
    """Return a value as JSON has it: lists in place of tuples."""
    return value if isinstance(value, str | int | float | bool) else json.loads(json.dumps(value))
