"""Whatever the support, the same actions are asked for, and the truth is the same."""

import numpy as np
import pytest

from rep4ex_bench import get_scenario
from rep4ex_bench.errors import ParameterError


def test_the_support_shrinks_and_nothing_else_moves():
    narrow, wide = (
        get_scenario("narrow_support", support=g, n=2_000, outcome="bump").sample(3)
        for g in (0.2, 1.2)
    )
    np.testing.assert_array_equal(narrow.queries.actions, wide.queries.actions)
    np.testing.assert_array_equal(narrow.truth.values, wide.truth.values)
    assert np.abs(narrow.queries.actions).max() == 3
    np.testing.assert_allclose(narrow.queries.distance, np.abs(narrow.queries.actions[:, 0]) / 0.2)
    for task, g in ((narrow, 0.2), (wide, 1.2)):
        largest = float(task.train.actions.abs().max())
        assert 0.99 * g < largest <= g * (1 + 1e-6)
        assert np.abs(task.oracle.draw(500, 1).actions).max() <= g
        # half of the uniform draws lie within half of the support
        assert float((task.train.actions.abs() < g / 2).double().mean()) == pytest.approx(
            0.5, abs=0.05
        )


def test_supports_outside_their_domain():
    for support in (0.0, 3.0, 4.0):
        with pytest.raises(ParameterError, match="support"):
            get_scenario("narrow_support", support=support)
