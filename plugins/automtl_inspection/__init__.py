"""What a table holds, for `data init`, `data describe` and frames: roles, statistics, duplicates."""
