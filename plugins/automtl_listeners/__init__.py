"""Listeners that record the progress of runs in TensorBoard and MLflow."""
