"""Repositories that try to get out, and what judges whether they did."""
