"""Packages to start from, one for each kind of component."""
