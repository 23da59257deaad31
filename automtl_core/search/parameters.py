"""Settings with a domain as the parameters of a study."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

from automtl_core.settings.settings import Search

Value = str | int | float | bool
Parameters = dict[str, Value]
"""Name of a parameter -> its value."""


class Suggests(Protocol):
    """A trial of Optuna."""

    def suggest_categorical(self, name: str, choices: Sequence[Any], /) -> Any: ...
    def suggest_int(self, name: str, low: int, high: int, /, *, log: bool) -> int: ...
    def suggest_float(self, name: str, low: float, high: float, /, *, log: bool) -> float: ...


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
        by_label = {_label(choice): json.loads(json.dumps(choice)) for choice in domain.choices}
        return by_label[trial.suggest_categorical(name, tuple(by_label))]
    low, high = domain.low, domain.high
    if isinstance(low, int) and isinstance(high, int):
        return trial.suggest_int(name, low, high, log=domain.log)
    found = trial.suggest_float(name, low, high, log=domain.log)
    return value if found == value else float(f"{found:.3g}")


def _label(value: Any) -> Value:
    """Return a value as Optuna takes it."""
    return value if isinstance(value, str | int | float | bool) else json.dumps(value)
