"""Kinds of fields: declaration, learning from training rows, and encoding."""
