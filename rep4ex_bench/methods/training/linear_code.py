"""A linear code to start from: what the actions move first, then what varies most.

    cross = S_xx^-1/2 S_xa S_aa^-1/2 = U diag(rho) V'      canonical correlations of X and A
    code  = [X S_xx^-1/2 U_1..U_r, leading principal components of what these leave of X]

Where the actions move every latent, the canonical directions alone are close to the latents'
affine class, much closer than principal components (`tests/methods/training/test_linear_code.py`
compares them). Starting there spares training from having to unfold a random code.
"""

from __future__ import annotations

import torch
from sklearn.linear_model import LinearRegression
from torch import Tensor

from rep4ex_bench.seeding import numpy_generator

# Ridge on the covariances of standardised columns: keeps collinear features from carrying noise.
_RIDGE = 1e-3
# What `held_out_ridge` chooses from.
RIDGES = (1e-8, 1e-6, 1e-4, 1e-2)
# Singular values below this share of the largest are rounding.
_RELATIVE_FLOOR = 1e-6


def linear_code(features: Tensor, actions: Tensor | None, latent_dim: int) -> Tensor:
    """Return directions (m, d) such that the code `features @ directions` has variances of 1.

    Args:
        features: standardised X, (n, m).
        actions: A, (n, k); None uses principal components only.
        latent_dim: d, at most m. Directions in which X does not vary are zero.
    """
    x = features.to(torch.float64)
    directions = x.new_zeros(x.shape[1], 0)
    if actions is not None:
        directions = canonical_directions(x, actions.to(x), latent_dim)
    missing = latent_dim - directions.shape[1]
    if missing:
        code = x @ directions
        left = x - code @ torch.linalg.lstsq(code, x).solution if directions.shape[1] else x
        _, _, components = torch.linalg.svd(left, full_matrices=False)
        directions = torch.cat([directions, components[:missing].T], dim=1)
    deviation = (x @ directions).std(dim=0, correction=0)
    alive = deviation > _RELATIVE_FLOOR * deviation.max()
    scale = torch.where(alive, 1 / deviation, torch.zeros_like(deviation))
    return (directions * scale).to(features.dtype)


def canonical_directions(
    features: Tensor, actions: Tensor, latent_dim: int, ridge: float = _RIDGE
) -> Tensor:
    """Return at most d canonical directions (m, r) of X with A, strongest first.

    Args:
        features: X, centred, (n, m), float64.
        actions: A, (n, k), float64.
        latent_dim: d; r is the smaller of d and k.
        ridge: added to the variances of both, a share of their mean.
    """
    a = actions - actions.mean(dim=0)
    whiten_x, whiten_a = _inverse_root(features, ridge), _inverse_root(a, ridge)
    cross = features.T @ a / len(features)
    left, _, _ = torch.linalg.svd(whiten_x @ cross @ whiten_a, full_matrices=False)
    directions: Tensor = whiten_x @ left[:, : min(latent_dim, a.shape[1])]
    return directions


def held_out_ridge(features: Tensor, actions: Tensor, latent_dim: int, seed: int) -> float:
    """Return the ridge of `RIDGES` whose directions tell most of A on rows that they did not see.

    Which is best depends on the features. Where g0 is steep and flat, latents lie in directions of
    little variance, which a large ridge hides; pixels that hardly ever move are noise, which a
    small one lets in.

    Args:
        features: X, centred, (n, m), float64.
        actions: A, (n, k), float64.
        latent_dim: as of `canonical_directions`.
        seed: chooses a fifth of the rows to be held out.
    """
    order = torch.from_numpy(numpy_generator(seed, "held out").permutation(len(features)))
    few = max(1, len(features) // 5)
    out, kept = order[:few], order[few:]

    def told(ridge: float) -> float:
        directions = canonical_directions(features[kept], actions[kept], latent_dim, ridge)
        model = LinearRegression().fit((features[kept] @ directions).numpy(), actions[kept].numpy())
        left = actions[out].numpy() - model.predict((features[out] @ directions).numpy())
        return -float((left**2).sum())

    return max(RIDGES, key=told)


def _inverse_root(rows: Tensor, ridge: float) -> Tensor:
    """Return (S + ridge)^-1/2 of the covariance S of centred rows."""
    covariance = rows.T @ rows / len(rows)
    values, vectors = torch.linalg.eigh(covariance)
    floor = ridge * values.mean().clamp_min(1e-300)
    # rounding may leave the smallest a little below 0
    root: Tensor = (vectors * (values.clamp_min(0) + floor).rsqrt()) @ vectors.T
    return root
