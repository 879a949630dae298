"""One small run and its bundle, made once; tests take copies."""

import pytest

from rep4ex_bench.leaderboard.attacks.base import Workshop


@pytest.fixture(scope="session")
def workshop(tmp_path_factory):
    """An honest bundle of a tiny run, scored without fault, and ways to tamper with it."""
    return Workshop(tmp_path_factory.mktemp("workshop"))
