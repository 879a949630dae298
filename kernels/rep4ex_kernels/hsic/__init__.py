"""Hilbert-Schmidt independence criterion of paired samples."""
