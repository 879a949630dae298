"""What an optimisation step of `rep4ex` costs the host that feeds a GPU, counted without one.

    python tools/measure_step.py [--names]

A stack of 1, 8 and 32 replicas with the method's defaults, batches of 256. The exit status is 1
where a step waits for the device, takes more operations than it may, or more in a stack than alone.
A look at the held-out rows, after every 100 steps, waits once: for the losses by which replicas are
stopped.

What is given to a step from outside is made ahead and lies on the device (`StepInput`), so a CUDA
graph could replay one. Whether the factorisations of its penalty can be captured is not known, as
no GPU has tried. `torch.compile` compiles for longer than such a model trains.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass

import torch

from rep4ex_bench import get_scenario
from rep4ex_bench.methods.representations.invariant_autoencoder import InvariantAutoencoder
from rep4ex_bench.methods.training.replica import Plan
from rep4ex_bench.methods.training.stack import StackInTraining
from rep4ex_kernels.offline.host_cost import HostCost, pretended_gpu

REPLICAS = (1, 8, 32)
MOST_OPERATIONS = 170


@dataclass(frozen=True)
class StackCost:
    """What a stack costs.

    Attributes:
        replicas: how many.
        opening: the first step after a look, for which all until the next are drawn.
        step: any other step.
        look: at the held-out rows.
    """

    replicas: int
    opening: HostCost
    step: HostCost
    look: HostCost

    def violations(self, alone: HostCost) -> list[str]:
        """Say what costs too much, next to a step of one replica alone."""
        operations = self.step.operations
        checks = (
            ("operations of a step", min(MOST_OPERATIONS, alone.operations), operations),
            ("waits of a step", 0, self.step.waits),
            ("waits of the first step after a look", 0, self.opening.waits),
            ("waits of a look", 1, self.look.waits),
        )
        return [
            f"{what}: expected {most} at most, counted {counted}"
            for what, most, counted in checks
            if counted > most
        ]


def measure(replicas: int, n: int = 600, autoencoder: str = "mlp") -> StackCost:
    """Count what a stack costs that trains on n rows a replica."""
    method = InvariantAutoencoder(autoencoder=autoencoder)
    scenario = get_scenario("linear_action", n=n)
    wanted = [
        replica
        for seed in range(replicas)
        for replica in method.replicas(scenario.sample(seed).train, seed)
    ]
    d = 2
    plan = Plan(autoencoder, d, method.hidden, method.steps, method.make_penalty())
    with pretended_gpu() as gpu:
        # the first step of all makes what later ones keep
        StackInTraining(wanted[:1], plan, torch.device("cuda")).step()
        stack = StackInTraining(wanted, plan, torch.device("cuda"))
        losses = torch.zeros(replicas, device="cuda")
        opening, step = (gpu.count(stack.step, warm_up=0) for _ in range(2))
        look = gpu.count(lambda: stack.look(losses), warm_up=0)
    return StackCost(replicas, opening, step, look)


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--names", action="store_true", help="name the operations of a step")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    costs = [measure(replicas) for replicas in REPLICAS]
    print("| replicas | operations | views | allocations | waits | waits of a look |")
    print("|---|---|---|---|---|---|")
    broken = False
    for cost in costs:
        step, waits = cost.step, max(cost.step.waits, cost.opening.waits)
        print(
            f"| {cost.replicas} | {step.operations} of {MOST_OPERATIONS} | {step.views} "
            f"| {step.allocations} | {waits} of 0 | {cost.look.waits} of 1 |"
        )
        for violation in cost.violations(costs[0].step):
            broken = True
            print(f"VIOLATION {cost.replicas} replicas: {violation}", file=sys.stderr)
    if options.names:
        print(f"\nA step of {REPLICAS[0]}: {costs[0].step.detail()}")
    print("\nCounts are of the CUDA code path on a pretended GPU; no time was measured.")
    return 1 if broken else 0


if __name__ == "__main__":
    raise SystemExit(main())
