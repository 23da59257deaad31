"""What prepared data looks like, and what may be wrong with it."""
