"""Prompt testing on top of the clients; works without a notebook."""
