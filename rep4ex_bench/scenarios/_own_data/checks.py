"""What of the setting's assumptions a table can be held against, and what it cannot.

    exogenous A, A moves Z linearly: E[phi(X) - W A - c | A] = 0, g0 injective, k >= d directions

Source: Rep4Ex (arXiv 2310.04295), Section 2 and Theorem 4.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy import stats

from rep4ex_bench.data import FloatArray
from rep4ex_bench.errors import DataError
from rep4ex_bench.methods.training.latent_dimension import estimate_latent_dim
from rep4ex_bench.scenario import DataCheck
from rep4ex_bench.scenarios._own_data.observations import Observations

_LEVEL = 0.01
_COPY = 1e-9  # of a correlation, below which it is 1 but for rounding


def check_data(seen: Observations, latent_dim: int | None) -> list[DataCheck]:
    """Return what can be said of a table.

    Args:
        seen: what it holds.
        latent_dim: d as the user says it, None where that is not known.
    """
    return [
        _hold_out(seen),
        _truth(seen),
        _no_leak(seen),
        _relevance(seen),
        _dimension(seen, latent_dim),
        DataCheck(
            "exogenous actions",
            "cannot be checked",
            "that nothing moves both actions and outcome is known from how the actions were set "
            "(randomised?), not from data; without it the held-out means are no truth",
        ),
        DataCheck(
            "linear effect of the actions on the latents",
            "cannot be checked",
            "not before a code is fitted; outside the support not at all",
        ),
        DataCheck(
            "injective mixing",
            "cannot be checked",
            "two latents with equal features leave no trace in them",
        ),
    ]


def _hold_out(seen: Observations) -> DataCheck:
    groups = seen.held_out_groups
    distance = seen.distance[:groups]
    beyond = distance > 1
    text = (
        f"{int(seen.outside.sum())} of {len(seen.outcome)} rows held out, at {groups} actions; "
        f"{int(beyond.sum())} of them outside the hull of the rest, up to {distance.max():.3g} "
        "times its extent"
    )
    if beyond.sum() < 2:
        return DataCheck("extrapolation", "doubtful", text + ": hold out actions at the edge")
    return DataCheck("extrapolation", "seen", text)


def _truth(seen: Observations) -> DataCheck:
    outside = seen.distance > 1
    if outside.sum() < 2:
        return DataCheck(
            "truth", "doubtful", "fewer than two actions outside: no error can be scored"
        )
    means, errors = seen.truth.means[outside], seen.truth.standard_errors[outside]
    variance = means.var()  # not 0: such data are refused
    noise, bias = (float(np.mean(e**2) / variance) for e in (errors, seen.truth.biases[outside]))
    floor = noise + bias
    rows = seen.truth.rows[outside]
    how = "of equal actions" if seen.truth.exact else "of near actions (few repeat)"
    text = (
        f"means {how}, of {int(rows.min())} to {int(rows.max())} rows; a perfect prediction would "
        f"score nmse_outside of about {floor:.2g}"
    )
    if not seen.truth.exact:
        text += f", {bias:.2g} of it since actions differ within the groups (by a quadratic fit)"
    if floor >= 1:
        text += ": the held-out means vary less than they are wrong, so errors say nothing"
    return DataCheck("truth", "doubtful" if floor > 0.1 else "seen", text)


def _no_leak(seen: Observations) -> DataCheck:
    """Look for a feature that is the outcome in other units."""
    kept = ~seen.outside
    y = seen.outcome[kept] - seen.outcome[kept].mean()
    x = seen.features[kept] - seen.features[kept].mean(axis=0)
    sizes = np.sqrt((x**2).sum(axis=0) * (y**2).sum())
    correlation = np.abs(x.T @ y) / np.where(sizes > 0, sizes, 1.0)
    names = zip(seen.roles.features, correlation, strict=True)
    copies = [name for name, r in names if r > 1 - _COPY]
    if np.ptp(y) == 0:
        return DataCheck("outcome", "doubtful", "it is constant in the rows that are not held out")
    if copies:
        text = f"{', '.join(copies)} is the outcome but for origin and unit: measured with it?"
        return DataCheck("outcome", "doubtful", text)
    text = f"no feature is a copy of it; the closest has a correlation of {correlation.max():.3g}"
    return DataCheck("outcome", "seen", text)


def _relevance(seen: Observations) -> DataCheck:
    kept = ~seen.outside
    moved = _moved_directions(seen.actions[kept], seen.features[kept])
    k = len(seen.roles.actions)
    text = f"actions move {moved} direction(s) of the features linearly, of at most {k} (Bartlett)"
    return DataCheck("actions move the latents", "seen" if moved == k else "doubtful", text)


def _moved_directions(actions: FloatArray, features: FloatArray) -> int:
    """Return how many canonical correlations differ from 0: Bartlett's test, one after another."""
    a, x = (_orthonormal(array) for array in (actions, features))
    r = np.linalg.svd(a.T @ x, compute_uv=False).clip(0, 1 - 1e-12)
    n, k, m = len(actions), a.shape[1], x.shape[1]
    for count in range(len(r)):
        statistic = -(n - 1 - (k + m + 1) / 2) * np.log1p(-(r[count:] ** 2)).sum()
        if stats.chi2.sf(statistic, (k - count) * (m - count)) > _LEVEL:
            return count
    return len(r)


def _orthonormal(array: FloatArray) -> FloatArray:
    """Return an orthonormal basis (n, rank) of the centred columns."""
    u, s, _ = np.linalg.svd(array - array.mean(axis=0), full_matrices=False)
    return np.asarray(u[:, s > s.max(initial=0.0) * 1e-9])


def _dimension(seen: Observations, disclosed: int | None) -> DataCheck:
    k = len(seen.roles.actions)
    if disclosed is not None:
        d, source = disclosed, "as disclosed"
    else:
        source = "estimated from the features"
        try:
            d = estimate_latent_dim(torch.from_numpy(seen.features[~seen.outside]).float())
        except DataError as error:
            return DataCheck("as many actions as latents", "cannot be checked", str(error))
    text = f"{d} latent(s), {source}; {k} action(s)"
    if d > k:
        text += ": the actions cannot identify them all"
    return DataCheck("as many actions as latents", "doubtful" if d > k else "seen", text)
