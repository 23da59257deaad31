"""The registry: plugins are loaded, their objects are registered by kind and name."""
