"""Kinds of tasks: all that differs between a binary label, a number, and other labels."""
