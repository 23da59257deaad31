"""Runs: from a configuration to a trained, tested network in a directory of its own."""
