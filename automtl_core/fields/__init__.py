"""The kinds of fields: how each is declared, learned from training rows, and encoded."""
