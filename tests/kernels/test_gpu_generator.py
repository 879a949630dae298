"""The emulated generator against the published vectors of Philox and numbers that GPUs printed."""

import pytest
import torch
from gpu_generator import H100_MULTIPROCESSORS, GPUGenerator, emulate, philox
from scipy import stats

# Random123 (Salmon et al. 2011), kat_vectors: philox4x32-10.
KNOWN = [
    ("00000000" * 4, "00000000" * 2, "6627e8d5e169c58dbc57ac4c9b00dbd8"),
    ("ffffffff" * 4, "ffffffff" * 2, "408f276d41c83b0ea20bc7c66d5451fd"),
    ("243f6a8885a308d313198a2e03707344", "a4093822299f31d0", "d16cfe0994fdcceb5001e42024126ea1"),
]


def words(digits):
    return [int(digits[i : i + 8], 16) for i in range(0, len(digits), 8)]


@pytest.mark.parametrize(("counter", "key", "expected"), KNOWN)
def test_philox_gives_the_published_words(counter, key, expected):
    assert philox(words(counter), words(key)).tolist() == words(expected)


# First and last numbers of torch.randn(size, generator=torch.Generator("cuda").manual_seed(seed))
# as printed in issues 143086 (H100 and A100) and 158398 (28 multiprocessors of 1,536 threads) of
# pytorch/pytorch: tensors too large for one grid of threads differ from GPU to GPU.
SEEN = [
    (132, 2048, 1, 49 * 12 * 112 * 144, [-0.2963, 2.6764, -0.1408], [-0.6970, -0.7780, 0.3267]),
    (108, 2048, 1, 49 * 12 * 112 * 144, [-0.2963, 2.6764, -0.1408], [0.1549, -0.6797, -0.1656]),
    (28, 1536, 42, 64 * 2048, [0.1940, 2.1614, -0.1721], [-0.4841, 1.2850, -0.0282]),
]


@pytest.mark.parametrize(("multiprocessors", "threads", "seed", "count", "first", "last"), SEEN)
def test_normal_numbers_are_those_of_a_gpu(multiprocessors, threads, seed, count, first, last):
    drawn = GPUGenerator(multiprocessors, threads).manual_seed(seed).randn(count)
    assert torch.allclose(drawn[:3], torch.tensor(first), atol=6e-5)
    assert torch.allclose(drawn[-3:], torch.tensor(last), atol=6e-5)


def test_uniform_numbers_are_those_of_a_gpu():
    # torch.manual_seed(42); torch.rand(3, 4, device="cuda")
    drawn = GPUGenerator().manual_seed(42).rand(3, 4)
    printed = [
        [0.6130, 0.0101, 0.3984, 0.0403],
        [0.1563, 0.4825, 0.7362, 0.4060],
        [0.5189, 0.2867, 0.2416, 0.9228],
    ]
    assert torch.allclose(drawn, torch.tensor(printed), atol=6e-5)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_distributions(dtype):
    generator = GPUGenerator().manual_seed(3)
    # More than a grid of threads fills at once.
    count = 3 * H100_MULTIPROCESSORS * 2048
    normal, uniform = generator.randn(count, dtype=dtype), generator.rand(count, dtype=dtype)
    assert stats.kstest(normal.double().numpy(), "norm").pvalue > 0.01
    assert stats.kstest(uniform.double().numpy(), "uniform").pvalue > 0.01
    assert uniform.min() >= 0
    assert uniform.max() < 1
    for power, moment in ((1, 0), (2, 1), (3, 0), (4, 3)):
        spread = float((normal.double() ** power).std()) / count**0.5
        assert abs(float((normal.double() ** power).mean()) - moment) < 4 * spread
    neighbours = torch.corrcoef(torch.stack([normal[1:], normal[:-1]]).double())[0, 1]
    assert abs(float(neighbours)) < 4 / count**0.5


def test_a_stream_continues_and_starts_anew():
    generator = GPUGenerator().manual_seed(1)
    first, second = generator.randn(100), generator.randn(100)
    assert not torch.equal(first, second)
    assert torch.equal(generator.manual_seed(1).randn(10, 10).flatten(), first)
    assert not torch.equal(generator.manual_seed(2**32 + 1).randn(100), first)
    assert generator.randn((2, 0)).shape == (2, 0)


def test_it_stands_in_for_a_generator_of_torch(monkeypatch):
    plain = torch.randn(5, generator=torch.Generator().manual_seed(0))
    emulate(monkeypatch, constructor=True)
    generator = torch.Generator(torch.get_default_device()).manual_seed(0)
    assert isinstance(generator, GPUGenerator)
    drawn = torch.randn(5, generator=generator, dtype=torch.float64)
    assert drawn.dtype == torch.float64
    assert torch.equal(drawn, GPUGenerator().manual_seed(0).randn(5, dtype=torch.float64))
    assert torch.equal(torch.randn(5, generator=torch.Generator("cpu").manual_seed(0)), plain)
    with pytest.raises(TypeError):  # what is not emulated is an error, not other numbers
        torch.randint(3, (2,), generator=generator)
