"""The sequential test: its error under the null with peeking, exactly and by simulation."""

import numpy as np
import pytest

from rep4ex_bench.boards.ranking.scores import scores
from rep4ex_bench.boards.ranking.sequential import decide, fewest_seeds, wealth

ALPHA = 0.05


def test_error_under_the_null_with_a_look_after_every_seed():
    """Also with ties, and with scenarios that go together: the sign of a seed is any mean-0 law."""
    rng = np.random.default_rng(0)
    runs, seeds = 4000, 150
    laws = {
        "coin": rng.choice([-1.0, 1.0], (runs, seeds)),
        "ties": rng.choice([-1.0, 0.0, 1.0], (runs, seeds), p=[0.2, 0.6, 0.2]),
        "three scenarios": rng.choice([-1.0, 1.0], (runs, seeds, 3)).mean(axis=2),
        "skewed": rng.choice([-1.0, 1 / 3], (runs, seeds), p=[0.25, 0.75]),
    }
    for name, signs in laws.items():
        wrong = np.mean([(wealth(path) >= 1 / ALPHA).any() for path in signs])
        assert wrong <= ALPHA, name
    # the same looks at a fixed-sample test are wrong far more often: peeking does matter
    sums = np.abs(laws["coin"].cumsum(axis=1)) / np.sqrt(np.arange(1, seeds + 1))
    assert (sums[:, 9:] > 1.96).any(axis=1).mean() > 3 * ALPHA


def test_error_under_the_null_exactly():
    """All paths of a fair coin at once: mass that has not crossed, by number of wins."""
    looks = 400
    crossed, alive = 0.0, {0: 1.0}
    for seed in range(1, looks + 1):
        following = {}
        for wins, mass in alive.items():
            for gain in (0, 1):
                following[wins + gain] = following.get(wins + gain, 0.0) + mass / 2
        alive = {}
        for wins, mass in following.items():
            # wealth depends on the order not at all
            signs = np.r_[np.ones(wins), -np.ones(seed - wins)]
            if wins_matter(signs):
                crossed += mass
            elif mass > 1e-12:
                alive[wins] = mass
    assert 0.02 < crossed <= ALPHA


def wins_matter(signs):
    bets = (np.arange(100) + 0.5) / 50 - 1
    wins, losses = (signs > 0).sum(), (signs < 0).sum()
    return np.mean((1 + bets) ** wins * (1 - bets) ** losses) >= 1 / ALPHA


def test_wealth_is_the_mean_product_of_the_bets():
    signs = np.array([1.0, -0.5, 0.0, 1.0])
    bets = (np.arange(100) + 0.5) / 50 - 1
    direct = [np.mean(np.prod(1 + np.outer(signs[: t + 1], bets), axis=0)) for t in range(4)]
    assert wealth(signs) == pytest.approx(direct)


def test_a_method_that_always_wins_is_separated_soon(make_records):
    assert fewest_seeds() == 8  # 2^n / (n + 1) >= 20, the mixture in closed form
    errors = {"x": {"a": [1.0] * 12, "b": [2.0] * 12}}
    found = decide(scores(make_records(errors)), "a", "b")
    assert (found.winner, found.seeds, found.wins, found.losses) == ("a", 8, 8, 0)
    turned = decide(scores(make_records(errors)), "b", "a")
    assert (turned.winner, turned.seeds, turned.wins, turned.losses) == ("a", 8, 0, 8)


def test_failures_lose_and_double_failures_are_ties(make_records):
    errors = {"x": {"a": ["failed"] * 9 + [1.0], "b": [3.0] * 8 + ["failed"] * 2}}
    found = decide(scores(make_records(errors)), "a", "b")
    assert (found.winner, found.wins, found.losses) == ("b", 0, 8)


def test_scenarios_that_disagree_decide_nothing(make_records):
    errors = {"x": {"a": [1.0] * 40, "b": [2.0] * 40}, "y": {"a": [2.0] * 40, "b": [1.0] * 40}}
    found = decide(scores(make_records(errors)), "a", "b")
    assert found.winner is None
    assert (found.seeds, found.evidence) == (40, 1.0)
