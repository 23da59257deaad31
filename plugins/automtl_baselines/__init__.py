"""Hand-designed multi-task models, as search spaces that ask no question."""
