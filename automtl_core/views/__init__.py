"""What people are shown, as values that a terminal, Markdown and a notebook render."""
