"""From records to scores: a cell that failed or was never run has an infinite error, never none.

A cell that is left out of the run (its method does not apply there or is not installed) is an empty
field: it has no error at all.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from rep4ex_bench.boards.declared import declarations
from rep4ex_bench.boards.groups import groups_of
from rep4ex_bench.records.records import LEFT_OUT

METRIC = "nmse_outside"


@dataclass(frozen=True)
class Scores:
    """nmse_outside of the cells of one scenario.

    Attributes:
        scenario: its label.
        values: a row a seed, a column a method; infinite where the cell failed or is missing, NaN
            where it is left out of the run.
        missing: same shape, True where there is no record of the cell at all.
        roles: of each method, "tuned" of one that was tuned (`groups.py`).
        resampled_share: of the rows of one table that each seed trains on; None where seeds are
            independent.
    """

    scenario: str
    values: pd.DataFrame
    missing: pd.DataFrame
    roles: dict[str, str]
    resampled_share: float | None = None

    def of_role(self, role: str) -> pd.DataFrame:
        """Return the columns of `values` whose method has that role."""
        return self.values[[m for m in self.values.columns if self.roles[m] == role]]

    def applies(self, method: str) -> bool:
        """Say whether no cell of a method is left out."""
        return bool(self.values[method].notna().all())


def scores(records: pd.DataFrame) -> list[Scores]:
    """Return the scores of every scenario, in the order of the records.

    The cells of a scenario are all its seeds times all methods of the records: a method that left
    out a seed, or a scenario altogether, is missing there. Of repeated cells the worst counts. A
    value that no error can have (negative, NaN) counts as infinite.
    """
    methods = list(records["method_label"].unique())
    roles = groups_of(records)
    declared = declarations(records)
    found = []
    for label, rows in records.groupby("scenario_label", sort=False):
        seeds = sorted(rows["seed"].unique())
        present = pd.crosstab(rows["seed"], rows["method_label"]) > 0
        present = present.reindex(index=seeds, columns=methods, fill_value=False)
        good = rows[(rows["metric"] == METRIC) & (rows["status"] == "ok")]
        values = good["value"].where(good["value"] >= 0, math.inf)
        table = values.groupby([good["seed"], good["method_label"]]).max().unstack()
        table = table.reindex(index=seeds, columns=methods).astype(float).fillna(math.inf)
        if (left := rows["status"].isin(LEFT_OUT)).any():
            empty = _empty(rows, left).reindex(index=seeds, columns=methods, fill_value=False)
            table = table.mask(empty)
        share = declared[str(label)].resampled_share
        found.append(Scores(str(label), table, ~present, roles, share))
    return found


def _empty(rows: pd.DataFrame, left: pd.Series) -> pd.DataFrame:
    """Say for each seed and method of the rows whether nothing but being left out is recorded."""
    everything = pd.crosstab(rows["seed"], rows["method_label"])
    only = pd.crosstab(rows.loc[left, "seed"], rows.loc[left, "method_label"])
    only = only.reindex(index=everything.index, columns=everything.columns, fill_value=0)
    return (everything > 0) & (only == everything)


def log_ratio(first: pd.Series, second: pd.Series) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Return log(first / second) by seed: 0 where both failed, about 690 or more where one did."""
    tiny, huge = 1e-300, 1e300
    logs = [np.log(np.clip(s.to_numpy(dtype=float), tiny, huge)) for s in (first, second)]
    return np.asarray(logs[0] - logs[1])
