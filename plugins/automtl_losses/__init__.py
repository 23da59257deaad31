"""Losses of tasks with two classes, which a recipe may name in place of log loss."""
