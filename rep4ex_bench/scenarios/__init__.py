"""Generators of tasks, one family a file."""
