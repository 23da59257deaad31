"""The command `automtl doctor`: checks of the machine, the installation, a configuration and its data."""
