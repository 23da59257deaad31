"""What the columns of a table of one's own may be for."""
