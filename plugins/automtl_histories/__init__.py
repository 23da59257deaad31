"""Encoders of histories: summaries of the events before a row."""
