"""Choosing lambda without the truth, from what held-out rows say along a path of lambdas.

A larger lambda makes the code more linear in the actions and the reconstruction worse. What is
known of each point of the path is its held-out reconstruction error and the held-out test of linear
invariance; a rule picks a point from that alone. `docs/lambda-selection.md` compares the rules with
each other and with fixed lambdas.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

PATH = (0.0, 0.3, 1.0, 3.0, 10.0, 30.0)
# Reconstruction may be this many times worse than the reference.
FACTOR = 1.6
LEVEL = 0.05


@dataclass(frozen=True)
class PathPoint:
    """One lambda.

    Attributes:
        weight: lambda.
        reconstruction: mean square error of held-out features, standardised.
        statistic: linear-invariance statistic of held-out rows.
        p_value: of its test.
    """

    weight: float
    reconstruction: float
    statistic: float
    p_value: float


Rule = Callable[[Sequence[PathPoint]], int]


def _affordable(path: Sequence[PathPoint], reference: float) -> list[int]:
    """Return the points that reconstruct within the factor; the best one is always among them."""
    best = min(point.reconstruction for point in path)
    bound = FACTOR * max(reference, best)
    return [place for place, point in enumerate(path) if point.reconstruction <= bound]


def by_reconstruction(path: Sequence[PathPoint]) -> int:
    """Return the largest lambda that reconstructs within 1.6 times the smallest one's error."""
    first = min(path, key=lambda point: point.weight)
    return max(_affordable(path, first.reconstruction), key=lambda place: path[place].weight)


def by_best_reconstruction(path: Sequence[PathPoint]) -> int:
    """Return the largest lambda that reconstructs within 1.6 times the best error of the path."""
    return max(_affordable(path, 0.0), key=lambda place: path[place].weight)


def by_test(path: Sequence[PathPoint]) -> int:
    """Return the smallest lambda whose linear invariance is not rejected, or else the best p."""
    accepted = [place for place, point in enumerate(path) if point.p_value > LEVEL]
    if accepted:
        return min(accepted, key=lambda place: path[place].weight)
    return max(range(len(path)), key=lambda place: (path[place].p_value, path[place].weight))


def by_statistic(path: Sequence[PathPoint]) -> int:
    """Return, of those within 1.6 times the best error, the one with the smallest statistic."""
    return min(_affordable(path, 0.0), key=lambda place: path[place].statistic)


def by_both(path: Sequence[PathPoint]) -> int:
    """Return the largest lambda within 1.6 times the best error that the test does not reject.

    Where it rejects all of them, the largest one within the factor.
    """
    affordable = _affordable(path, 0.0)
    accepted = [place for place in affordable if path[place].p_value > LEVEL]
    return max(accepted or affordable, key=lambda place: path[place].weight)


RULES: dict[str, Rule] = {
    "reconstruction, of lambda 0": by_reconstruction,
    "reconstruction, of the best": by_best_reconstruction,
    "test": by_test,
    "statistic within reconstruction": by_statistic,
    "test and reconstruction": by_both,
}

# What `penalty_weight="auto"` uses: the smallest mean loss of R^2 of all rules.
choose_lambda = by_statistic
