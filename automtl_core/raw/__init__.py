"""Readers: raw files in their published formats become typed tables."""
