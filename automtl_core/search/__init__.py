"""Search: the interface of search strategies, and components that strategies share."""
