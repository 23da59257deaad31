"""Comparison of models: the same data, splits, recipe and seeds for all, with confidence intervals."""
