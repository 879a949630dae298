"""Representations, one a file; the file has the name. What several share begins with "_"."""
