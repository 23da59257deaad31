"""Studies by Optuna: parameters of a trial are asked for, and their values are told, in batches.

Optuna (extra `study`) is imported when it is needed.
"""
