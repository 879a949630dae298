"""Losses of intervention extrapolation as differentiable, batched kernels."""
