"""Grids of parameters."""

from rep4ex_bench.grids import configurations, is_at, point_text, points, size

GRID = {"b": [1, 2], "a": ["x", {"name": "y", "parameters": {}}]}


def test_points_come_in_an_order_that_the_order_of_writing_does_not_change():
    found = points(GRID)
    assert found == points(dict(reversed(GRID.items())))
    assert [(p["a"] == "x", p["b"]) for p in found] == [
        (True, 1), (True, 2), (False, 1), (False, 2)]  # fmt: skip
    assert size(GRID) == len(found)
    assert point_text(found[3]) == "a = y, b = 2"


def test_configurations_count_the_default_once_and_stop_at_the_budget():
    def tuned(default, candidates):
        method = {"name": "m", "parameters": default}
        return configurations({"method": method, "grid": GRID, "candidates": candidates})

    inside, beside = {"a": "x", "b": 2, "c": 0}, {"a": "x", "b": 3, "c": 0}
    assert (tuned(inside, 8), tuned(beside, 8), tuned(beside, 3)) == (4, 5, 3)
    assert is_at(inside, points(GRID)[1])
    assert not any(is_at(beside, point) for point in points(GRID))
