"""Seeds per component."""

import hashlib

from rep4ex_bench.seeding import derive_seed, numpy_generator, torch_generator


def test_components_have_different_seeds_and_stay_the_same():
    paths = [(), ("a",), ("a", "b"), ("ab",), ("b", "a"), (1,), ("1",)]
    seeds = {derive_seed(seed, *path) for seed in (0, 1, 7) for path in paths}
    assert len(seeds) == 3 * len(paths)
    assert all(0 <= seed < 2**63 for seed in seeds)
    # the formula itself: if it changes, every published number moves
    digest = hashlib.sha256(b"int:0\x1fstr:linear_action").hexdigest()
    assert derive_seed(0, "linear_action") == int(digest[:16], 16) >> 1


def test_generators_do_not_touch_global_state():
    import numpy as np
    import torch

    torch.manual_seed(0)
    np.random.seed(0)
    before = torch.random.get_rng_state(), np.random.get_state()[1].copy()
    assert numpy_generator(1, "x").random() == numpy_generator(1, "x").random()
    draws = [torch.rand(3, generator=torch_generator(1, "x")) for _ in range(2)]
    assert torch.equal(*draws)
    assert torch.equal(before[0], torch.random.get_rng_state())
    assert (before[1] == np.random.get_state()[1]).all()
