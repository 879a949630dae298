"""A sequential test of two methods that stays valid when it is looked at after every seed.

Each seed gives a sign in [-1, 1]: the share of scenarios that the first method wins less the share
that it loses. Under "on average over the scenarios neither wins more often" the wealth

    W_t = mean over bets b of prod_{s <= t} (1 + b sign_s),      b on a grid in (-1, 1)

is a nonnegative martingale that starts at 1, so the chance that it ever reaches 1 / alpha is at
most alpha (Ville), however often one looks and whenever one stops. Source: Waudby-Smith and Ramdas,
"Estimating means of bounded random variables by betting" (arXiv 2010.09686), with a mixture of
fixed bets.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from rep4ex_bench.boards.ranking.pairs import ALPHA
from rep4ex_bench.boards.ranking.scores import Scores
from rep4ex_bench.data import FloatArray

_BETS = (np.arange(100) + 0.5) / 50 - 1  # midpoints: symmetric, no bet of all or nothing


@dataclass(frozen=True)
class Decision:
    """What the seeds so far say.

    Attributes:
        winner: the method that was separated from the other, None while undecided.
        seeds: number of seeds looked at, up to the decision.
        evidence: the largest wealth so far; decided at 1 / alpha.
        wins, losses: of the first method, over all scenarios and those seeds.
    """

    winner: str | None
    seeds: int
    evidence: float
    wins: int
    losses: int


def wealth(signs: FloatArray) -> FloatArray:
    """Return the wealth after each seed, (t,), for signs (t,) in [-1, 1]."""
    growth = np.cumsum(np.log1p(np.outer(signs, _BETS)), axis=0)
    return np.asarray(np.exp(growth).mean(axis=1))


def decide(scores: list[Scores], first: str, second: str, alpha: float = ALPHA) -> Decision:
    """Return the decision between two methods (labels) from the seeds that every scenario has.

    Seeds are looked at in ascending order; what comes after the decision does not undo it. A cell
    that failed loses against one that did not. Scenarios where one of the two has empty fields only
    are left out.
    """
    both = [s.values[[first, second]].dropna() for s in scores]
    pairs = [(values[first], values[second]) for values in both if len(values)]
    if not pairs:
        return Decision(None, 0, 1.0, 0, 0)
    better = pd.concat([(a < b).astype(int) for a, b in pairs], axis=1, join="inner").sort_index()
    worse = pd.concat([(a > b).astype(int) for a, b in pairs], axis=1, join="inner").sort_index()
    signs = (better - worse).mean(axis=1).to_numpy(dtype=float)
    path = wealth(signs)
    crossed = np.flatnonzero(path >= 1 / alpha)
    used = int(crossed[0]) + 1 if len(crossed) else len(signs)
    winner = None
    if len(crossed):
        winner = first if signs[:used].sum() > 0 else second
    return Decision(
        winner,
        used,
        float(path[:used].max(initial=1.0)),
        int(better.iloc[:used].to_numpy().sum()),
        int(worse.iloc[:used].to_numpy().sum()),
    )


def fewest_seeds(alpha: float = ALPHA) -> int:
    """Return the number of seeds after which a method that always wins is separated."""
    return int(np.flatnonzero(wealth(np.ones(200)) >= 1 / alpha)[0]) + 1
