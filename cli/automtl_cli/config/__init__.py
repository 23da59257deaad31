"""The commands of `automtl config`."""
