"""Families of injective nonlinear mixings, one a file, and the search for one of some hardness."""
