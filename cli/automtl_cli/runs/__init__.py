"""The commands that search, train, compare, evaluate and show runs."""
