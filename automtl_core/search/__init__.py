"""Search: the contract of strategies, and the parts that strategies share."""
