"""Registers the built-in commands, each with its line in `automtl --help`, in the order of the help."""

from collections.abc import Mapping

from automtl_core import hookimpl
from automtl_core.registry.hookspecs import Reference

LINES = {
    "search": ("runs.training:search", "Search for an architecture, train it, and score the test rows."),
    "train": ("runs.training:train", "Train one model without a search, and score the test rows."),
    "compare": ("runs.training:compare", "Compare models on the same rows, with confidence intervals."),
    "predict": ("runs.commands:predict", "Predict new rows with the network of a run."),
    "evaluate": ("runs.commands:evaluate", "Recompute the test metrics of a run, or test it on new rows."),
    "export": ("runs.commands:export", "Export the network of a run, to serve without automtl."),
    "retrain": ("runs.commands:retrain", "Train the architecture of a run again, also on newer data."),
    "show": ("runs.commands:show", "Show an architecture, its fields, evidence and Pareto front."),
    "report": ("runs.commands:report", "Write a report of a run or of a comparison, as one HTML file."),
    "watch": ("runs.commands:watch", "Follow a run or a comparison of another process until it ends."),
    "doctor": ("doctor.app:doctor", "Check machine, installation, configuration and data."),
    "list": ("listings:list_names", "List the registered names of a kind, such as ops or metrics."),
    "settings": (
        "listings:explain_settings",
        "Explain settings: description, values, default, tuning range.",
    ),
    "data": ("data.app:data", "List, prepare, describe, check and export datasets."),
    "data list": ("data.app:list_datasets", "List the datasets and their tasks."),
    "data show": ("data.app:show", "Show a dataset: source, raw files, fields, tasks, settings."),
    "data prepare": ("data.app:prepare", "Prepare a dataset: encode its raw files and store them."),
    "data describe": ("data.app:describe", "Describe a dataset: rows, fields, labels, and suspected faults."),
    "data sample": ("data.app:sample", "Show the first training rows as a model receives them."),
    "data validate": ("data.app:validate", "Check every row of the raw files of a dataset."),
    "data export": ("data.app:export", "Write the examples of a dataset as one table."),
    "data init": ("data.app:init", "Write settings for a table, with guesses of roles."),
    "runs": ("runs.listed:runs", "List, show, compare and remove runs."),
    "runs list": ("runs.listed:list_runs", "List the runs of a folder by dataset, the best first."),
    "runs show": ("runs.commands:show_run", "Show the architecture of a run, as `automtl show` does."),
    "runs compare": ("runs.listed:compare", "Show test metrics and costs of several runs side by side."),
    "runs remove": ("runs.listed:remove", "Remove runs, after a confirmation."),
    "plugins": ("plugins.app:plugins", "List the installed plugins, write a new one, or check one."),
    "plugins new": (
        "plugins.new:new_plugin",
        "Write a plugin project with a working example, tests and a README.",
    ),
    "plugins check": (
        "plugins.app:check_plugin",
        "Run the contract tests of an installed plugin, or of one of its objects.",
    ),
    "config": ("config.app:config", "Show, check, describe and create configuration files."),
    "config show": (
        "config.app:show",
        "Print the configuration of a search or a training, with all defaults.",
    ),
    "config validate": ("config.app:validate", "Check a configuration file, and list all faults."),
    "config schema": (
        "config.app:schema",
        "Print a JSON schema of configuration files, for completion and checks in an editor.",
    ),
    "config init": (
        "config.app:init",
        "Write a configuration file with the important settings, their defaults and descriptions.",
    ),
}
"""Words of a command -> its function, or the app of a group, in this package; and the line of its help."""


@hookimpl
def automtl_register_commands() -> Mapping[str, str]:
    """Return the commands by their words."""
    return {words: Reference(f"automtl_cli.{place}", line) for words, (place, line) in LINES.items()}
