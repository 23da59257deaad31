"""Modules that networks and supernets are made of."""
