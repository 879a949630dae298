"""Times of the losses on one CPU core against naive torch autograd, and PyKeOps where installed.

    python -m rep4ex_suites.bench_kernels_cpu [--n 4096] [--repeats 7] [--json FILE] [--only NAME]

Value and gradient, float32, one thread, medians of process times with the 20 % and 80 % quantiles,
contenders interleaved in random order in one run; a step shorter than 2 ms is repeated until it is
that long. The script starts itself again with MALLOC_MMAP_MAX_=0, so that
page faults of the naive form's n x n buffers do not count against it.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import json
import os
import platform
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from rep4ex_kernels import InvariancePenalty, energy_distance, hsic, mmd2, mmr_penalty

ENVIRONMENT = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "MALLOC_MMAP_MAX_": "0"}
NO_TRIM = {"MALLOC_TRIM_THRESHOLD_": "100000000000"}
SHORTEST = 2e-3  # seconds of a measurement
BANDWIDTHS = [1.0, 2.0, 4.0, 8.0, 16.0]

Step = Callable[[], object]


def main() -> None:
    arguments = parse()
    if os.environ.get("MALLOC_MMAP_MAX_") != "0":
        environment = os.environ | ENVIRONMENT | NO_TRIM
        command = [sys.executable, "-m", "rep4ex_suites.bench_kernels_cpu", *sys.argv[1:]]
        sys.exit(subprocess.run(command, env=environment, check=False).returncode)
    torch.set_num_threads(1)
    torch.manual_seed(0)
    print(f"{platform.processor() or platform.machine()}, torch {torch.__version__}, one thread")
    rows = []
    for name, build in cases().items():
        if arguments.only in name:
            rows += report(name, arguments.n, interleave(build(arguments.n), arguments.repeats))
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=1))


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--n", type=int, default=4096, help="rows of each sample")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--only", default="", help="part of a case's name")
    parser.add_argument("--json", type=Path, help="also write the rows here")
    return parser.parse_args()


def interleave(steps: dict[str, Step], repeats: int) -> dict[str, list[float]]:
    """Process seconds of every step; rounds of all in random order, two to warm up."""
    seconds: dict[str, list[float]] = {name: [] for name in steps}
    calls = dict.fromkeys(steps, 1)
    order = random.Random(0)
    for round_ in range(repeats + 2):
        for name in order.sample(list(steps), len(steps)):
            start = time.process_time()
            for _ in range(calls[name]):
                steps[name]()
            taken = (time.process_time() - start) / calls[name]
            if round_ >= 2:
                seconds[name].append(taken)
            else:
                calls[name] = max(1, round(SHORTEST / taken))
    return seconds


def report(case: str, n: int, seconds: dict[str, list[float]]) -> list[dict[str, object]]:
    """Print a row for each contender and return the rows."""
    base = statistics.median(seconds["rep4ex_kernels"])
    print(f"\n{case}, n = {n}")
    rows: list[dict[str, object]] = []
    for name, times in seconds.items():
        low, *_, high = statistics.quantiles(times, n=5)
        median = statistics.median(times)
        ratio = median / base
        print(
            f"  {name:22} {1e3 * median:9.3f} ms  [{1e3 * low:.3f}, {1e3 * high:.3f}]"
            f"  {ratio:7.2f} x"
        )
        rows.append(
            {"case": case, "n": n, "contender": name, "seconds": median, "low": low, "high": high}
        )
    return rows


def step(loss: Callable[..., Tensor], *inputs: Tensor) -> Step:
    """One value and gradient of a loss of `inputs`."""

    leaves = [tensor.clone().requires_grad_() for tensor in inputs]

    def run() -> None:
        torch.autograd.grad(loss(*leaves), leaves)

    return run


def exp2_step(n: int) -> Step:
    """The yardstick of the compiled path: exp2 of n^2 elements that stay in the cache."""
    tile = -torch.rand(64, 1024) * 20
    out = torch.empty_like(tile)

    def run() -> None:
        for _ in range(n * n // tile.numel()):
            torch.exp2(tile, out=out)

    return run


def naive_gaussian(x: Tensor, y: Tensor, h: float) -> Tensor:
    squares = (x.square().sum(1)[:, None] + y.square().sum(1) - 2 * x @ y.T).clamp_min(0)
    kernel: Tensor = torch.exp(squares / (-2 * h * h))
    return kernel


def naive_mmr(phi: Tensor, a: Tensor, h: float) -> Tensor:
    design = torch.cat([torch.ones_like(a[:, :1]), a], 1)
    r = phi - design @ torch.linalg.lstsq(design, phi).solution
    weighted: Tensor = naive_gaussian(a, a, h) * (r @ r.T)
    return weighted.mean()


def naive_mmd(x: Tensor, y: Tensor, widths: list[float]) -> Tensor:
    def mean(p: Tensor, q: Tensor) -> Tensor:
        squares = (p.square().sum(1)[:, None] + q.square().sum(1) - 2 * p @ q.T).clamp_min(0)
        kernels = [torch.exp(squares / (-2 * h * h)) for h in widths]
        return torch.stack([K.mean() for K in kernels]).mean()

    return mean(x, x) + mean(y, y) - 2 * mean(x, y)


def naive_energy(x: Tensor, y: Tensor) -> Tensor:
    between, inside_x, inside_y = torch.cdist(x, y), torch.cdist(x, x), torch.cdist(y, y)
    return 2 * between.mean() - inside_x.mean() - inside_y.mean()


def naive_hsic(x: Tensor, y: Tensor, h_x: float, h_y: float) -> Tensor:
    K, L = naive_gaussian(x, x, h_x), naive_gaussian(y, y, h_y)
    centred = K - K.mean(0) - K.mean(1)[:, None] + K.mean()
    return (centred * L).mean()


def with_backends(naive: Step, make: Callable[[str | None], Step]) -> dict[str, Step]:
    """The dispatch's choice, the forced paths, and the naive form."""
    steps = {"rep4ex_kernels": make(None), "  forced torch": make("torch")}
    if importlib.util.find_spec("numba"):
        steps["  forced numba"] = make("numba")
    return steps | {"naive torch autograd": naive}


def mmr_case(k: int, d: int, h: float) -> Callable[[int], dict[str, Step]]:
    def build(n: int) -> dict[str, Step]:
        a, phi = torch.randn(n, k), torch.randn(n, d)
        steps = with_backends(
            step(lambda x: naive_mmr(x, a, h), phi),
            lambda b: step(lambda x: mmr_penalty(x, a, h, backend=b), phi),
        )
        keops = keops_step("mmr", phi, a, h)
        return steps | keops | {"exp2 of n^2 elements": exp2_step(n)}

    return build


def mmd_case(widths: list[float]) -> Callable[[int], dict[str, Step]]:
    def build(n: int) -> dict[str, Step]:
        x, y = torch.randn(n, 8), torch.randn(n, 8) + 0.3
        steps = with_backends(
            step(lambda p, q: naive_mmd(p, q, widths), x, y),
            lambda b: step(lambda p, q: mmd2(p, q, bandwidths=widths, backend=b), x, y),
        )
        return steps | keops_step("mmd", x, y, widths)

    return build


def energy_case(d: int) -> Callable[[int], dict[str, Step]]:
    def build(n: int) -> dict[str, Step]:
        x, y = torch.randn(n, d), torch.randn(n, d) + 0.3
        steps = with_backends(
            step(naive_energy, x, y),
            lambda b: step(lambda p, q: energy_distance(p, q, backend=b), x, y),
        )
        return steps | keops_step("energy", x, y, None)

    return build


def hsic_case(n: int) -> dict[str, Step]:
    x, y = torch.randn(n, 4), torch.randn(n, 8)
    steps = with_backends(
        step(lambda p, q: naive_hsic(p, q, 2.0, 4.0), x, y),
        lambda b: step(lambda p, q: hsic(p, q, 2.0, 4.0, backend=b), x, y),
    )
    return steps | keops_step("hsic", x, y, (2.0, 4.0))


def invariance_case(k: int) -> Callable[[int], dict[str, Step]]:
    """A step of the fitted penalty against the dense tiled pass of the same penalty."""

    def build(n: int) -> dict[str, Step]:
        a, phi = torch.randn(n, k), torch.randn(n, 2)
        fitted = InvariancePenalty.fit(a)
        dense = InvariancePenalty.fit(a, fitted.bandwidth, max_rank=1)
        return {
            "rep4ex_kernels": step(fitted, phi),
            "  dense tiled torch": step(lambda x: dense(x, backend="torch"), phi),
            "naive torch autograd": step(lambda x: naive_mmr(x, a, fitted.bandwidth), phi),
        }

    return build


def keops_step(op: str, x: Tensor, y: Tensor, widths: Any) -> dict[str, Step]:
    """The loss as a KeOps user would write it, where PyKeOps is installed."""
    if not importlib.util.find_spec("pykeops"):
        return {}
    LazyTensor = importlib.import_module("pykeops.torch").LazyTensor

    def squares(p: Tensor, q: Tensor) -> Any:
        return ((LazyTensor(p[:, None]) - LazyTensor(q[None])) ** 2).sum(-1)

    def mean(p: Tensor, q: Tensor, values: Callable[[Any], list[Any]]) -> Any:
        terms = values(squares(p, q))
        return sum(term.sum(1).sum() for term in terms) / (len(terms) * len(p) * len(q))

    def two_sample(values: Callable[[Any], list[Any]]) -> Callable[[Tensor, Tensor], Any]:
        return lambda p, q: mean(p, p, values) + mean(q, q, values) - 2 * mean(p, q, values)

    def mmr(phi: Tensor) -> Any:
        design = torch.cat([torch.ones_like(y[:, :1]), y], 1)
        r = phi - design @ torch.linalg.lstsq(design, phi).solution
        return (r * ((-squares(y, y) / (2 * widths**2)).exp() @ r)).sum() / len(r) ** 2

    def independence(p: Tensor, q: Tensor) -> Any:
        n = len(p)
        K = (-squares(p, p) / (2 * widths[0] ** 2)).exp()
        L = (-squares(q, q) / (2 * widths[1] ** 2)).exp()
        k, l = K.sum(1).flatten(), L.sum(1).flatten()  # noqa: E741
        joint = (K * L).sum(1).sum()
        return joint / n**2 - 2 * (k @ l) / n**3 + k.sum() * l.sum() / n**4

    if op == "mmr":
        return {"KeOps": step(mmr, x)}
    if op == "hsic":
        return {"KeOps": step(independence, x, y)}
    if op == "energy":
        return {"KeOps": step(two_sample(lambda s: [-s.sqrt()]), x, y)}
    return {"KeOps": step(two_sample(lambda s: [(-s / (2 * h * h)).exp() for h in widths]), x, y)}


def cases() -> dict[str, Callable[[int], dict[str, Step]]]:
    return {
        "MMR k=1 d=2": mmr_case(1, 2, 1.0),
        "MMR k=4 d=8": mmr_case(4, 8, 2.5),
        "MMR k=16 d=32": mmr_case(16, 32, 5.5),
        "MMD 5 bandwidths d=8": mmd_case(BANDWIDTHS),
        "MMD 5 general bandwidths d=8": mmd_case([1.1, 2.3, 4.0, 6.1, 9.7]),
        "MMD 1 bandwidth d=8": mmd_case([4.0]),
        "energy d=2": energy_case(2),
        "energy d=8": energy_case(8),
        "energy d=32": energy_case(32),
        "HSIC k=4 d=8": hsic_case,
        "InvariancePenalty k=1": invariance_case(1),
        "InvariancePenalty k=2": invariance_case(2),
    }


if __name__ == "__main__":
    main()
