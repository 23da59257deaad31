"""Search strategies, one algorithm per file."""
