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
    "data init": ("data.app:init", "Write settings for a table, with guesses of roles."),
    "data describe": ("data.app:describe", "Describe a dataset: rows, fields, labels, and suspected faults."),
    "data export": ("data.app:export", "Write the examples of a dataset as one table."),
    "check": ("check:check", "Check the machine, settings or a run with its data, or a plugin."),
    "list": ("listings:list_names", "List runs, kinds of objects, objects of a kind, or settings of one."),
    "plugins": ("listings:plugins", "List the installed plugins, and why any of them failed to load."),
}
"""Words of a command -> its function in this package, and the line of its help."""


@hookimpl
def automtl_register_commands() -> Mapping[str, str]:
    """Return the commands by their words."""
    return {words: Reference(f"automtl_cli.{place}", line) for words, (place, line) in LINES.items()}
