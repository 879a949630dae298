"""Metrics: what a fitted method's answers are worth, against truth that it never saw."""
