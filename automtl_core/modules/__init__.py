"""Modules of networks and supernets."""
