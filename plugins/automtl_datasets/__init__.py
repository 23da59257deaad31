"""Public multi-task datasets, a generated dataset, and tables of users."""
