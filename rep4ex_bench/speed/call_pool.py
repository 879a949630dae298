"""Inputs of the calls of a workload and the reference's results for them, shared by contenders."""

from __future__ import annotations

from rep4ex_bench.speed.inputs import make_constants, make_inputs
from rep4ex_bench.speed.problem import Tensors
from rep4ex_bench.speed.reference import reference
from rep4ex_bench.speed.workload import Workload

_MOST_BYTES = 1 << 28  # of the inputs of one round


class CallPool:
    """Makes inputs by round and call; keeps those of one round."""

    def __init__(self, workload: Workload, seed: int) -> None:
        self.workload = workload
        self.constants = make_constants(workload, seed)
        self._seed = seed
        self._round: int | str = ""
        self._inputs: dict[int, Tensors] = {}
        self._expected: dict[int, Tensors] = {}

    def inputs(self, round_: int | str, calls: int) -> list[Tensors]:
        """Return copies of a round's inputs, call by call: no contender can change another's."""
        self._enter(round_)
        for call in range(calls):
            if call not in self._inputs:
                self._inputs[call] = make_inputs(
                    self.workload, self.constants, self._seed, round_, call
                )
        return [tuple(t.clone() for t in self._inputs[call]) for call in range(calls)]

    def expected(self, round_: int | str, call: int) -> Tensors:
        """Return the float64 results of one call."""
        self._enter(round_)
        if call not in self._expected:
            (inputs,) = self.inputs(round_, call + 1)[call:]
            self._expected[call] = reference(self.workload, self.constants, inputs)
        return self._expected[call]

    def most_calls(self) -> int:
        """How many inputs one round may hold."""
        size = sum(t.numel() * t.element_size() for t in self.inputs(self._round, 1)[0])
        return max(1, _MOST_BYTES // size)

    def _enter(self, round_: int | str) -> None:
        if round_ != self._round:
            self._round = round_
            self._inputs.clear()
            self._expected.clear()
