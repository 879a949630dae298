"""What an optimisation step of `rep4ex` costs the host that feeds a GPU, counted without one.

    python -m rep4ex_suites.measure_step [--names]

A stack of 1, 8 and 32 replicas with the method's defaults, batches of 256. The exit status is 1
where a step waits for the device, takes more operations than it may, or more in a stack than alone.
Between two looks at the held-out rows nothing may wait; a look itself waits once, for the losses by
which replicas are stopped.

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
from rep4ex_bench.methods.rep4ex import Rep4Ex
from rep4ex_bench.training.replica import Plan
from rep4ex_bench.training.stack import CHECK, StackInTraining
from rep4ex_kernels.offline.host_cost import HostCost, pretended_gpu

REPLICAS = (1, 8, 32)
MOST_OPERATIONS = 165
# Of all steps between two looks, with the first look: what is drawn ahead, and the losses.
MOST_WAITS_OF_A_LOOK = 1


@dataclass(frozen=True)
class StackCost:
    """What a stack costs.

    Attributes:
        replicas: how many.
        step: a step, between two looks.
        look: all steps from one look to the next, and that look.
    """

    replicas: int
    step: HostCost
    look: HostCost

    def violations(self, alone: HostCost) -> list[str]:
        """Say what costs too much, next to a step of one replica alone."""
        found = []
        most = min(MOST_OPERATIONS, alone.operations)
        if self.step.operations > most:
            found.append(
                f"operations of a step: expected {most} at most, counted {self.step.operations}"
            )
        if self.step.waits:
            found.append(f"waits of a step: expected 0, counted {self.step.waits}")
        if self.look.waits > MOST_WAITS_OF_A_LOOK:
            found.append(
                f"waits of {CHECK} steps and a look: expected {MOST_WAITS_OF_A_LOOK} at most, "
                f"counted {self.look.waits}"
            )
        return found


def measure(replicas: int, n: int = 2000, autoencoder: str = "mlp") -> StackCost:
    """Count the steps of a stack on n rows each."""
    method = Rep4Ex(autoencoder=autoencoder)
    scenario = get_scenario("linear_action", n=n)
    wanted = [
        replica
        for seed in range(replicas)
        for replica in method.replicas(scenario.sample(seed).train, seed)
    ]
    plan = Plan(autoencoder, 2, method.hidden, method.steps, method.make_penalty())
    with pretended_gpu() as gpu:
        stack = StackInTraining(wanted, plan, torch.device("cuda"))
        step = gpu.count(stack.step)
        for _ in range(CHECK - 2):
            losses = stack.step()
        stack.look(losses)

        def until_the_look() -> None:
            for _ in range(CHECK):
                losses = stack.step()
            stack.look(losses)

        return StackCost(replicas, step, gpu.count(until_the_look, warm_up=0))


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--names", action="store_true", help="name the operations of a step")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    costs = [measure(replicas) for replicas in REPLICAS]
    print(f"| replicas | operations | views | allocations | waits | waits of {CHECK} steps |")
    print("|---|---|---|---|---|---|")
    broken = False
    for cost in costs:
        step = cost.step
        print(
            f"| {cost.replicas} | {step.operations} of {MOST_OPERATIONS} | {step.views} "
            f"| {step.allocations} | {step.waits} of 0 "
            f"| {cost.look.waits} of {MOST_WAITS_OF_A_LOOK} |"
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
