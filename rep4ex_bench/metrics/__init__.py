"""Metrics, one a file: what a fitted method's answers are worth, against truth it never saw."""
