"""Registers the built-in commands, in the order of the help."""

from collections.abc import Mapping

from automtl_core import hookimpl
from automtl_core.registry.kinds import Reference

LINES = {
    "search": ("runs.training:search", "Search for an architecture, train it, and score the test rows."),
    "train": ("runs.training:train", "Train one model without a search, and score the test rows."),
    "compare": ("runs.training:compare", "Compare models on the same rows, with confidence intervals."),
    "predict": ("runs.commands:predict", "Predict new rows with the network of a run."),
    "evaluate": ("runs.commands:evaluate", "Recompute the test metrics of a run, or test it on new rows."),
    "update": ("runs.commands:update", "Train the network of a run further, on later rows."),
    "export": ("runs.commands:export", "Export the network of a run, to serve without automtl."),
    "show": ("runs.commands:show", "Show an architecture, its fields, evidence and Pareto front."),
    "report": ("runs.commands:report", "Write a report of a run or of a comparison, as one HTML file."),
    "doctor": ("doctor:doctor", "Check machine, installation, configuration and data."),
    "list": ("listings:list_names", "List the registered names of a kind, such as ops or metrics."),
    "settings": (
        "listings:explain_settings",
        "Explain settings: description, values, default, tuning range.",
    ),
    "data": ("data.app:data", "Prepare, describe, check and export datasets."),
    "runs": ("runs.commands:list_runs", "List the runs of a folder by dataset, the best first."),
    "plugins": ("listings:plugins", "List the installed plugins, write a new one, or check one."),
}
"""Word of a command -> its function, or the app of a group, in this package; and the line of its help."""
NESTED = {
    "data prepare": "data.app:prepare",
    "data describe": "data.app:describe",
    "data drift": "data.app:drift",
    "data validate": "data.app:validate",
    "data export": "data.app:export",
    "data init": "data.app:init",
}
"""Words of a command of a group -> its function; the line of its help is read at first use."""


@hookimpl
def automtl_register_commands() -> Mapping[str, str]:
    """Return the commands by their words."""
    lines = {word: Reference(f"automtl_cli.{place}", line) for word, (place, line) in LINES.items()}
    return lines | {words: f"automtl_cli.{place}" for words, place in NESTED.items()}
