"""Guesses of the roles of a table's columns."""
