"""Comparing models: the same data, splits, recipe and seeds for all, with error bars."""
