"""Trials: what is best on this data is looked up on held-out training rows, with small models."""
