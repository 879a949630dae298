"""Batched least squares on [1, actions]: residuals and coefficients."""
