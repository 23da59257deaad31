"""The commands of `automtl data`."""
