"""Encoding search: feature encodings are chosen on held-out training rows."""
