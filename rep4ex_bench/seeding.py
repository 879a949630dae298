"""Seeds, derived per component, so that adding a method or a scenario moves no other number.

A component is named by a path of strings and integers; its seed is a hash of the root seed and
that path. Nothing here touches a global random state.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

_SEED_BITS = 63  # torch.Generator and numpy both accept every non-negative 63-bit seed


def derive_seed(seed: int, *component: str | int) -> int:
    """Return the 63-bit seed of a named component under a root seed.

    Args:
        seed: root seed, any integer.
        component: path that names the component, for example ``("train", "noise")``.
    """
    path = "\x1f".join(f"{type(part).__name__}:{part}" for part in (seed, *component))
    digest = hashlib.sha256(path.encode()).digest()
    return int.from_bytes(digest[:8], "big") >> (64 - _SEED_BITS)


def method_seed(seed: int, method: str, scenario: str) -> int:
    """Return the seed of a method's fit to the task of a seed; names are the registered ones."""
    return derive_seed(seed, "method", method, scenario)


def numpy_generator(seed: int, *component: str | int) -> np.random.Generator:
    """Return numpy's default generator, seeded for a named component."""
    return np.random.default_rng(derive_seed(seed, *component))


def torch_generator(seed: int, *component: str | int) -> torch.Generator:
    """Return a CPU generator of torch, seeded for a named component.

    It lives on the CPU on purpose: initial weights and batch order are then the same on every
    device.
    """
    return torch.Generator().manual_seed(derive_seed(seed, *component))


@contextmanager
def fenced_random_state(seed: int) -> Iterator[None]:
    """Run a foreign package that draws from global random states: the same draws for the same seed.

    The states of `random`, numpy and torch (every CUDA device included) are set from the seed, and
    are afterwards what they were before.
    """
    of_python, of_numpy = random.getstate(), np.random.get_state()
    with torch.random.fork_rng():
        try:
            random.seed(derive_seed(seed, "random"))
            np.random.seed(derive_seed(seed, "numpy") % 2**32)
            torch.manual_seed(derive_seed(seed, "torch"))
            yield
        finally:
            random.setstate(of_python)
            np.random.set_state(of_numpy)
