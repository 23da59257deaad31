"""Hand-designed multi-task models, as search spaces without choices."""
