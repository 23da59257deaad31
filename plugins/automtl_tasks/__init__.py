"""Kinds of tasks for numbers of other distributions: counts and censored times."""
