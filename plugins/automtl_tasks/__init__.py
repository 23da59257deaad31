"""Kinds of tasks for numbers of other distributions: counts, amounts and censored times."""
