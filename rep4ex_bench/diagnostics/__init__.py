"""Diagnostics, one a file: what is worth knowing about a fitted method and is no score."""
