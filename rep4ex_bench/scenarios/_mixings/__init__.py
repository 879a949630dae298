"""Families of injective nonlinear mixings, one a file, and the search for one of a given hardness."""
