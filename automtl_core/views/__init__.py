"""Printed output as values that a terminal, Markdown and a notebook render."""
