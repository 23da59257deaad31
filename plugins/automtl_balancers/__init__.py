"""The balancers of automtl."""
