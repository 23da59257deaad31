"""Settings: validated values of a component, and the errors and texts that name them."""
