"""The command line of automtl."""
