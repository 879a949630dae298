"""CPU time of an optimisation step per replica: stacked, one by one, and by torch.func.vmap.

    python -m rep4ex_suites.bench_training_cpu [--replicas 32] [--rounds 7] [--json FILE]

Autoencoders of the shape (k, d, m) = (2, 2, 10) on 10,000 rows with the invariance penalty, batch
256, one thread. Process time; contenders interleaved in random order in one run, medians with the
20 % and 80 % quantiles. The ratio is one by one over the contender, per replica. The script starts
itself again with the allocator's settings that worker processes have.
"""

from __future__ import annotations

import argparse
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

import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap

from rep4ex_bench import get_scenario
from rep4ex_bench.methods.training.invariance_loss import InvarianceLoss
from rep4ex_bench.methods.training.networks import mlp
from rep4ex_bench.methods.training.replica import Plan, Replica
from rep4ex_bench.methods.training.stack import StackInTraining
from rep4ex_bench.running.executors.worker_start import KEEP_MEMORY

CPU = torch.device("cpu")
STEPS = 20


def main() -> None:
    arguments = parse()
    if not KEEP_MEMORY.items() <= os.environ.items():
        environment = os.environ | KEEP_MEMORY | {"OMP_NUM_THREADS": "1"}
        command = [sys.executable, "-m", "rep4ex_suites.bench_training_cpu", *sys.argv[1:]]
        sys.exit(subprocess.run(command, env=environment, check=False).returncode)
    torch.set_num_threads(1)
    print(f"{platform.processor() or platform.machine()}, torch {torch.__version__}, one thread")
    rows = []
    for hidden in (32, 64):
        rows += report(hidden, measure(hidden, arguments.replicas, arguments.rounds))
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=1))


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--replicas", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", type=Path, help="also write the rows here")
    return parser.parse_args()


def measure(hidden: int, replicas: int, rounds: int) -> dict[str, list[float]]:
    """Process seconds of a step per replica, for every contender."""
    scenario = get_scenario("linear_action", n=10_000, layers=3)
    wanted = []
    for seed in range(replicas):
        train = scenario.sample(seed).train
        wanted.append(Replica(train.features, train.actions, train.actions, 3.0, seed))
    plan = Plan("mlp", 2, hidden, 1_000_000, InvarianceLoss())
    stacked = StackInTraining(wanted, plan, CPU)
    alone = StackInTraining(wanted[:1], plan, CPU)
    contenders: dict[str, tuple[Callable[[], object], int]] = {
        "one by one": (alone.step, 1),
        f"{replicas} stacked": (stacked.step, replicas),
        f"{replicas} by vmap": (vmapped(stacked, hidden, replicas), replicas),
    }
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    order = random.Random(0)
    for round_ in range(rounds + 1):
        for name in order.sample(list(contenders), len(contenders)):
            step, count = contenders[name]
            repeats = STEPS if count > 1 else 5 * STEPS
            start = time.process_time()
            for _ in range(repeats):
                step()
            if round_:  # the first warms up
                seconds[name].append((time.process_time() - start) / repeats / count)
    return seconds


def vmapped(stack: StackInTraining, hidden: int, replicas: int) -> Callable[[], object]:
    """The same step with `stack_module_state` and `vmap` for the networks."""
    generator = torch.Generator().manual_seed(0)

    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Parameter(torch.randn(10, 2, generator=generator))
            self.encoder = mlp([10, hidden, hidden, 2], generator)
            self.decoder = mlp([2, hidden, hidden, 10], generator)

        def forward(self, rows: Tensor) -> tuple[Tensor, Tensor]:
            code = rows @ self.linear + self.encoder(rows)
            return code, (self.decoder(code) - rows).square().mean()

    networks = [Network() for _ in range(replicas)]
    weights, buffers = stack_module_state(networks)
    optimiser = torch.optim.Adam(weights.values(), lr=2e-3, fused=True)
    forward = vmap(lambda own, rows: functional_call(networks[0], (own, buffers), (rows,)))
    penalty = InvarianceLoss()

    def step() -> None:
        batch = stack.draw()
        code, losses = forward(weights, batch.features.mT)
        loss = losses.sum() + 3.0 * penalty(code.mT, batch.table).sum()
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()

    return step


def report(hidden: int, seconds: dict[str, list[float]]) -> list[dict[str, object]]:
    """Print a row for each contender and return the rows."""
    base = statistics.median(seconds["one by one"])
    print(f"\nhidden width {hidden}, milliseconds of a step per replica")
    rows: list[dict[str, object]] = []
    for name, times in seconds.items():
        low, *_, high = statistics.quantiles(times, n=5)
        median = statistics.median(times)
        print(
            f"  {name:16} {1e3 * median:7.3f}  [{1e3 * low:.3f}, {1e3 * high:.3f}]"
            f"  {base / median:5.2f} times less"
        )
        rows.append(
            {"hidden": hidden, "contender": name, "seconds": median, "low": low, "high": high}
        )
    return rows


if __name__ == "__main__":
    main()
