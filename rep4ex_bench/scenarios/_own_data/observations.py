"""What a user's table holds, by role, and how its rows are used."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rep4ex_bench.data import FloatArray
from rep4ex_bench.scenarios._own_data.columns import Roles
from rep4ex_bench.scenarios._own_data.hold_out import Mask
from rep4ex_bench.scenarios._own_data.observed_truth import ObservedTruth


@dataclass(frozen=True)
class Observations:
    """What a file holds, by role, and how its rows are used.

    Attributes:
        roles: names of the columns.
        actions: (n, k).
        features: (n, m).
        outcome: (n,).
        further: what else was observed, by its name in `TrainingData`, (n, columns) or (n,).
        outside: (n,), which rows the hold-out names.
        inside: (n,), which of the others are kept from training for the error inside.
        truth: at g groups of held-out rows, then at the groups of the rows inside.
        distance: (g,), of the groups from the support of the rows that are not held out.
        held_out_groups: how many of the groups, the first ones, are of held-out rows.
    """

    roles: Roles
    actions: FloatArray
    features: FloatArray
    outcome: FloatArray
    further: Mapping[str, FloatArray]
    outside: Mask
    inside: Mask
    truth: ObservedTruth
    distance: FloatArray
    held_out_groups: int
