"""How often and how long is measured. A change of any of it changes the keys of the records."""

from __future__ import annotations

from dataclasses import dataclass

PROTOCOL_VERSION = 1


@dataclass(frozen=True)
class Protocol:
    """One way of measuring.

    Attributes:
        rounds: of every contender, in random order within a round.
        fewest_rounds: of a contender that has used up its budget.
        budget_seconds: timed seconds of a contender in a workload; process time on a CPU, so that
            the number of rounds does not depend on what else runs. So are the two limits of a call.
        shortest_seconds: shorter calls are repeated, each on inputs of its own, to last that long.
        most_calls: of a round.
        call_limit_seconds: a contender whose call takes longer is not timed.
        checked_pairs: of a round, in calls that are compared with the reference. Where a round has
            more pairs, calls are drawn at random after they were made, at least one.
        checked_pairs_of_a_call: where a call has more, one round, drawn at random, is checked.
        cold_start: whether first calls with empty caches are measured, in processes of their own.
        compile_limit_seconds: of such a first call.
        compiles_for_long: whether contenders that compile for long run without being named.
        rounds_seconds: of the clock, for all rounds of a workload together; when they are over,
            every contender has its fewest rounds and no more. None: no limit.
        compile_ahead_seconds: of the clock, in which the workloads of a GPU are compiled at the
            same time before any of them is measured (see `compile_ahead`). None: they are not.

    A limit that is None is in no record's key.
    """

    rounds: int
    fewest_rounds: int
    budget_seconds: float
    shortest_seconds: float = 2e-3
    most_calls: int = 100
    call_limit_seconds: float = 20.0
    checked_pairs: float = 3e7
    checked_pairs_of_a_call: float = 1e9
    cold_start: bool = True
    compile_limit_seconds: float = 900.0
    compiles_for_long: bool = True
    rounds_seconds: float | None = None
    compile_ahead_seconds: float | None = None


PROTOCOLS = {
    "reference": Protocol(rounds=11, fewest_rounds=4, budget_seconds=2.0),
    "quick": Protocol(
        rounds=5,
        fewest_rounds=3,
        budget_seconds=0.3,
        call_limit_seconds=5.0,
        cold_start=False,
        compile_limit_seconds=120.0,
        compiles_for_long=False,
        rounds_seconds=5.0,
        compile_ahead_seconds=35.0,
    ),
    "scaling": Protocol(
        rounds=7, fewest_rounds=3, budget_seconds=4.0, call_limit_seconds=60.0, cold_start=False
    ),
}
