"""What a scenario declares, held against its tasks, as checks that a third party can run.

    from rep4ex_bench.scenario_conformance import SCENARIO_CHECKS
    task = scenario.sample(0)
    for check in SCENARIO_CHECKS:
        check(scenario, task)
    check_controls(scenario)

`check_offers` holds the task to what is offered. Besides it there is one check for each word of
`vocabulary.ASSUMPTIONS`. It looks only where the word is
declared and the task's oracle can tell, and raises `ConformanceError`, which says what was expected
and what came. A check that passes has found no counterexample among what was drawn: it is no proof.
`check_controls` fits methods, on three seeds: give it a scenario with few rows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from scipy import stats
from sklearn.linear_model import LinearRegression
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import PolynomialFeatures, StandardScaler

from rep4ex_bench.data import OPTIONAL_FIELDS, FloatArray
from rep4ex_bench.errors import ConformanceError
from rep4ex_bench.hardness import judge
from rep4ex_bench.numerics import to_float64
from rep4ex_bench.oracle import DrawnOracle, LatentSample, LinearOracle, Oracle
from rep4ex_bench.scenario import Scenario, Task
from rep4ex_bench.seeding import numpy_generator

ScenarioCheck = Callable[[Scenario, Task], None]

_SEED = 11
_ROUNDING = 1e-6  # of float64 arithmetic, relative to the spread
_FLOAT32 = 1e-2  # what rounding actions and features to float32 may move a feature, likewise
_ROWS = 3_000
_CLOSEST = 20  # pairs of units with the nearest features
_DISTANT = 0.5  # of two latents, in standard deviations
_NEIGHBOURS = 5.0  # times the distance to the nearest latent
_BLOCKS = 100
_BEYOND = 1.05  # how far all draws must reach beyond a hundredth of them
_SMALLEST_P = 1e-6


def check_offers(scenario: Scenario, task: Task) -> None:
    """Check that the task has what the scenario offers, and offers what it has."""
    train, queries, oracle = task.train, task.queries, task.oracle
    has = {
        "features": train.m > 0,
        **{name: getattr(train, name) is not None for name in OPTIONAL_FIELDS},
        "context": queries.context_outcome is not None,
        "oracle": oracle is not None,
        "linear_oracle": isinstance(oracle, LinearOracle),
    }
    offered = scenario.checked_offers()
    for word, there in has.items():
        _require(
            there == (word in offered),
            f"offers: {word!r} is {'' if word in offered else 'not '}offered, and the task has "
            f"{'it' if there else 'none'}",
        )
    queries.asked()  # shapes match


def check_linear_action_effect(scenario: Scenario, task: Task) -> None:
    """Check that every training unit moves by M (a - b) from action b to action a, with one M."""
    oracle = _oracle(scenario, task, "linear_action_effect")
    if oracle is None:
        return
    _, left = _action_effect(task, oracle)
    _require(
        left < _ROUNDING,
        "linear_action_effect: latents must move linearly with the actions, the same for every "
        f"unit; a linear map leaves {left:.2g} of their largest move",
    )


def check_injective_mixing(scenario: Scenario, task: Task) -> None:
    """Check that the units whose features are nearest to each other have near latents.

    Where the features have a noise of their own, it is left out: what must be injective is g0.
    """
    oracle = _oracle(scenario, task, "injective_mixing")
    if oracle is None:
        return
    drawn = _drawn(task, oracle)
    latents = StandardScaler().fit_transform(drawn.latents)
    features = drawn.features
    if isinstance(oracle, DrawnOracle) and oracle.draw_feature_noise is not None:
        features = oracle.mixing(drawn.latents)
    distances, neighbours = _nearest(StandardScaler().fit_transform(features))
    closest = np.argsort(distances, kind="stable")[:_CLOSEST]
    apart = np.linalg.norm(latents[closest] - latents[neighbours[closest]], axis=1)
    near = np.maximum(_DISTANT, _NEIGHBOURS * _nearest(latents)[0][closest])
    wrong = int((apart > near).sum())
    _require(
        wrong == 0,
        f"injective_mixing: of the {len(closest)} units with the nearest features {wrong} have "
        f"distant latents, {apart.max():.2g} standard deviations apart",
    )


def check_noiseless_features(scenario: Scenario, task: Task) -> None:
    """Check that units with the same latents have the same features.

    A training unit is given again the action that it had, and the actions that give it the latents
    of another one, where there are such actions.
    """
    oracle = _oracle(scenario, task, "noiseless_features")
    if oracle is None:
        return
    actions = to_float64(task.train.actions)
    own = oracle.counterfactual(actions)
    scale = float(own.features.std()) or 1.0
    off = float(np.abs(own.features - to_float64(task.train.features)).max()) / scale
    _require(
        off < _FLOAT32,
        "noiseless_features: a unit with the action and the latents that it had must have the "
        f"features that it had, off by {off:.2g} of their spread",
    )
    effect, left = _action_effect(task, oracle)
    if left > _ROUNDING or not _of_full_rank(effect):
        return
    other = np.roll(np.arange(len(actions)), 1)
    moved = (own.latents[other] - own.latents) @ np.linalg.pinv(effect).T
    swapped = oracle.counterfactual(actions + moved)
    off = float(np.abs(swapped.features - own.features[other]).max()) / scale
    _require(
        off < _ROUNDING,
        "noiseless_features: two units with the same latents must have the same features, off by "
        f"{off:.2g} of their spread",
    )


def check_full_support(scenario: Scenario, task: Task) -> None:
    """Check that more draws of the latents under one action reach further, at both ends.

    The largest of all draws is compared with that of a hundredth of them: noise of bounded support
    has both at its bound. Gaps within the support are not looked for.
    """
    oracle = _oracle(scenario, task, "full_support")
    if oracle is None:
        return
    draws = _under_one_action(oracle)
    centred = draws - np.median(draws, axis=0)
    blocks = centred.reshape(_BLOCKS, -1, centred.shape[1])
    for end in (blocks, -blocks):
        reach = end.max(axis=1)  # (blocks, d)
        ratio = reach.max(axis=0) / np.median(reach, axis=0)
        _require(
            bool((ratio > _BEYOND).all()),
            f"full_support: {len(draws)} draws of a latent must reach further than a hundredth of "
            f"them, got {ratio.min():.4f} times as far, as noise of bounded support does",
        )


def check_exclusion(scenario: Scenario, task: Task) -> None:
    """Check that Y - l(Z), which is U, does not depend on the actions, in training and outside."""
    oracle = _oracle(scenario, task, "exclusion")
    if not isinstance(oracle, LinearOracle):
        return  # another one does not say what l is
    trained = to_float64(task.train.outcome) - oracle.outcome_function(oracle.latents)
    actions = _query_actions(task, _ROWS)
    units = oracle.draw_do(actions, _SEED)
    drawn = oracle.draw_outcome_do(actions, _SEED) - oracle.outcome_function(units.latents)
    for where, noise, given in (
        ("of training", trained, to_float64(task.train.actions)),
        ("under do(a)", drawn, actions),
    ):
        p = _p_of_dependence(given, noise)
        _require(
            p > _SMALLEST_P,
            f"exclusion: the outcome {where} less l(Z) must not depend on the actions, a quadratic "
            f"regression on them has p = {p:.2g}",
        )


def check_full_row_rank(scenario: Scenario, task: Task) -> None:
    """Check that the effect of the actions has as many independent rows as there are latents."""
    oracle = _oracle(scenario, task, "full_row_rank")
    if oracle is None:
        return
    if isinstance(oracle, LinearOracle):
        effect = oracle.action_effect
    else:
        effect, _ = _action_effect(task, oracle)
    _require(
        _of_full_rank(effect),
        f"full_row_rank: the effect of the actions must have rank {len(effect)}, "
        f"got {np.linalg.matrix_rank(effect)}",
    )


def check_known_dimension(scenario: Scenario, task: Task) -> None:
    """Check that the training data disclose the number of latents."""
    if "known_dimension" not in scenario.checked_assumptions():
        return
    told, oracle = task.train.latent_dim, task.oracle
    _require(told is not None, "known_dimension: train.latent_dim must be d, got None")
    d = told if oracle is None else oracle.latents.shape[1]
    _require(told == d, f"known_dimension: train.latent_dim must be {d}, got {told}")


def check_controls(scenario: Scenario, seeds: Sequence[int] = (0, 1, 2)) -> None:
    """Check that a positive control reaches the bound on every seed, a negative one on few.

    A scenario without controls claims nothing.
    """
    if scenario.checked_controls() is None:
        return
    found = judge(scenario, seeds)
    _require(
        bool(found.solved) and not found.easy,
        "controls: a positive control must reach the bound on every seed, and no negative one on "
        f"most of them; got {found.text}",
    )


SCENARIO_CHECKS: tuple[ScenarioCheck, ...] = (
    check_offers,
    check_linear_action_effect,
    check_injective_mixing,
    check_noiseless_features,
    check_full_support,
    check_exclusion,
    check_full_row_rank,
    check_known_dimension,
)


def _oracle(scenario: Scenario, task: Task, word: str) -> Oracle | None:
    """Return the oracle where a word is declared and there is one."""
    return task.oracle if word in scenario.checked_assumptions() else None


def _query_actions(task: Task, rows: int) -> FloatArray:
    """Return random scored query actions, (rows, k)."""
    actions = task.queries.actions[task.queries.scored]
    return actions[numpy_generator(_SEED, "query actions").integers(len(actions), size=rows)]


def _action_effect(task: Task, oracle: Oracle) -> tuple[FloatArray, float]:
    """Return M of the best Z(a) - Z(b) = M (a - b), (d, k), and the share that it leaves.

    The training units move from their own actions b to random query actions a; the largest residual
    is taken over the largest move.
    """
    before = to_float64(task.train.actions)
    after = _query_actions(task, len(before))
    moves = oracle.counterfactual(after).latents - oracle.counterfactual(before).latents
    steps = after - before
    fitted = LinearRegression(fit_intercept=False).fit(steps, moves)
    largest = float(np.abs(moves).max()) or 1.0
    left = float(np.abs(moves - fitted.predict(steps)).max()) / largest
    return np.asarray(fitted.coef_), left


def _of_full_rank(effect: FloatArray) -> bool:
    """Say whether M, (d, k), has rank d up to rounding."""
    return bool(np.linalg.matrix_rank(effect, tol=_ROUNDING) == len(effect))


def _drawn(task: Task, oracle: Oracle) -> LatentSample:
    """Return fresh units, three of four with training actions and one with a query's."""
    actions = [oracle.training_actions(_ROWS, _SEED), _query_actions(task, _ROWS // 3)]
    return oracle.draw_do(np.concatenate(actions), _SEED)


def _nearest(rows: FloatArray) -> tuple[FloatArray, np.ndarray[tuple[int], np.dtype[np.intp]]]:
    """Return the distance of every row to the nearest other one, and which one that is."""
    distances, places = NearestNeighbors(n_neighbors=1).fit(rows).kneighbors()
    return distances[:, 0], places[:, 0]


def _under_one_action(oracle: Oracle) -> FloatArray:
    """Return draws of V, or of the latents under one training action where V is not drawn."""
    if isinstance(oracle, LinearOracle):
        return oracle.draw_noise(1_000 * _BLOCKS, _SEED)
    action = oracle.training_actions(1, _SEED)
    return oracle.draw_do(np.repeat(action, 200 * _BLOCKS, axis=0), _SEED).latents


def _p_of_dependence(actions: FloatArray, noise: FloatArray) -> float:
    """Return the p-value of the F test of a quadratic regression of the noise on the actions."""
    columns = PolynomialFeatures(2, include_bias=False).fit_transform(actions)
    free = len(noise) - columns.shape[1] - 1
    if free < 1:
        return 1.0
    explained = LinearRegression().fit(columns, noise).score(columns, noise)
    ratio = explained / columns.shape[1] / max((1 - explained) / free, np.finfo(float).tiny)
    return float(stats.f.sf(ratio, columns.shape[1], free))


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise ConformanceError(message)
