"""The registry: plugins are loaded, and their objects registered by kind and name."""
