"""Files: atomic writes, and formats that hold data and no code."""
