"""The commands of `automtl plugins`."""
