"""Preparation: typed tables become examples, vocabularies and arrays on disk."""
