"""Balancers of tasks that come with automtl."""
