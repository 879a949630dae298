"""The numbers that PyTorch's CUDA generator draws, on the CPU.

A test whose generator lives on the GPU sees other data there than on the CPU, so a miss on those
data stays hidden where there is no GPU. `GPUGenerator` draws what an H100 draws, up to the last
bits of its sine, cosine and logarithm; `emulate` makes `torch.Generator(device)` return one.

The source is the counter-based Philox4x32-10 of Salmon, Moraes, Dror and Shaw 2011 ("Parallel
random numbers: as easy as 1, 2, 3", SC11). A tensor is filled by a grid of threads: thread t of T
takes the block of counter (call, t) at each of its calls and writes its numbers to places t,
t + T, t + 2 T, ... A block of four 32-bit words gives four float32 numbers or two float64 ones,
and the next tensor starts at the counter after the last. Normal numbers are by Box and Muller.
"""

from __future__ import annotations

import math

import numpy as np
import torch

ROUNDS = 10
MULTIPLIERS = (np.uint64(0xD2511F53), np.uint64(0xCD9E8D57))
KEY_STEPS = (0x9E3779B9, 0xBB67AE85)
LOW = np.uint64(0xFFFFFFFF)
HALF = np.uint64(32)

THREADS_PER_BLOCK = 256
H100_MULTIPROCESSORS, H100_THREADS = 132, 2048  # threads a multiprocessor


def philox(counter, key):
    """Philox4x32-10: counter (4, ...) and key (2,) of 32-bit words to words (4, ...), uint64."""
    c0, c1, c2, c3 = np.asarray(counter, dtype=np.uint64)
    k0, k1 = (int(word) for word in key)
    for _ in range(ROUNDS):
        first, second = MULTIPLIERS[0] * c0, MULTIPLIERS[1] * c2
        c0, c1, c2, c3 = (
            (second >> HALF) ^ c1 ^ np.uint64(k0),
            second & LOW,
            (first >> HALF) ^ c3 ^ np.uint64(k1),
            first & LOW,
        )
        k0, k1 = (k0 + KEY_STEPS[0]) & 0xFFFFFFFF, (k1 + KEY_STEPS[1]) & 0xFFFFFFFF
    return np.stack([c0, c1, c2, c3])


class GPUGenerator:
    """Stands in for `torch.Generator("cuda")` of one GPU."""

    def __init__(self, multiprocessors=H100_MULTIPROCESSORS, threads=H100_THREADS):
        self.most_blocks = multiprocessors * (threads // THREADS_PER_BLOCK)
        self.manual_seed(0)

    def manual_seed(self, seed):
        self.key = seed & 0xFFFFFFFF, seed >> 32
        self.calls = 0  # blocks that every thread has taken
        return self

    def _words(self, count, per_call):
        """Words (calls, 4, threads) for a tensor of `count` numbers, `per_call` a block."""
        threads = THREADS_PER_BLOCK * min(-(-count // THREADS_PER_BLOCK), self.most_blocks)
        thread = np.arange(threads, dtype=np.uint64)
        blocks = []
        for call in range(self.calls, self.calls + -(-count // (threads * per_call))):
            counter = np.stack(np.broadcast_arrays(call & 0xFFFFFFFF, call >> 32, thread, 0))
            blocks.append(philox(counter, self.key))
        self.calls += len(blocks)
        return np.stack(blocks)

    def randn(self, *size, dtype=torch.float32):
        """Standard normal numbers, in the places where the GPU would put them."""
        draw = {torch.float32: _normal_float32, torch.float64: _normal_float64}
        return self._fill(size, dtype, draw)

    def rand(self, *size, dtype=torch.float32):
        """Uniform numbers in [0, 1)."""
        draw = {torch.float32: _uniform_float32, torch.float64: _uniform_float64}
        return self._fill(size, dtype, draw)

    def _fill(self, size, dtype, draw):
        size = tuple(size[0]) if len(size) == 1 and not isinstance(size[0], int) else size
        count = math.prod(size)
        if count == 0:
            return torch.empty(size, dtype=dtype)
        numbers = draw[dtype](self._words(count, 4 if dtype == torch.float32 else 2))
        return torch.from_numpy(numbers.reshape(-1)[:count].copy()).reshape(size)


def _wide(low, high):
    """53 bits of two words."""
    return (low ^ (high << np.uint64(21))).astype(np.float64)


def _in_unit_interval(word):
    """(word + 1/2) 2^-32, rounded to float32: above 0, at most 1."""
    return ((word.astype(np.float32).astype(np.float64) + 0.5) * 2.0**-32).astype(np.float32)


def _uniform_float32(words):
    numbers = _in_unit_interval(words)
    return np.where(numbers == 1, np.float32(0), numbers)


def _uniform_float64(words):
    numbers = np.stack([_wide(words[:, i], words[:, i + 1]) for i in (0, 2)], axis=1)
    numbers = (numbers + 0.5) * 2.0**-53
    return np.where(numbers == 1, 0.0, numbers)


def _box_muller(radius, angle):
    """sqrt(-2 ln u) (sin, cos) of numbers (calls, threads), as (calls, 2, threads)."""
    length = np.sqrt(-2 * np.log(radius))
    return np.stack([length * np.sin(angle), length * np.cos(angle)], axis=1)


def _normal_float32(words):
    turn = float(np.float32(2 * math.pi * 2.0**-32))
    pairs = []
    for i in (0, 2):
        angle = (words[:, i + 1].astype(np.float32) * turn + turn / 2).astype(np.float32)
        pairs.append(
            _box_muller(*(t.astype(np.float64) for t in (_in_unit_interval(words[:, i]), angle)))
        )
    return np.concatenate(pairs, axis=1).astype(np.float32)


def _normal_float64(words):
    radius = (_wide(words[:, 0], words[:, 1]) + 0.5) * 2.0**-53
    return _box_muller(radius, (_wide(words[:, 2], words[:, 3]) + 0.5) * (math.pi * 2.0**-52))


def emulate(monkeypatch, *, constructor=False):
    """Let `torch.randn` and `torch.rand` take a `GPUGenerator`.

    With `constructor`, `torch.Generator(device)` makes one, for a `torch.device` such as
    `torch.get_default_device()`. With no device, or its name, it is torch's own.
    """
    for name in ("randn", "rand"):
        monkeypatch.setattr(torch, name, _drawing(name, getattr(torch, name)))
    if constructor:
        monkeypatch.setattr(torch, "Generator", _constructing(torch.Generator))


def _drawing(name, plain):
    def draw(*size, generator=None, dtype=None, **options):
        if isinstance(generator, GPUGenerator):
            return getattr(generator, name)(*size, dtype=dtype or torch.get_default_dtype())
        return plain(*size, generator=generator, dtype=dtype, **options)

    return draw


def _constructing(plain):
    class Generator(plain):  # a class still, as torch names it in annotations
        def __new__(cls, device="cpu"):
            return GPUGenerator() if isinstance(device, torch.device) else plain(device)

    return Generator
