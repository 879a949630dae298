"""Contenders, one a file: ours, and what a user would take instead."""
