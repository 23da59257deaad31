"""The workflow: from a configuration to a trained and tested run."""
