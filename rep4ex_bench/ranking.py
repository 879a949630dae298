"""The leaderboard as a function of records alone."""

from __future__ import annotations

import pandas as pd

ROLE_ORDER = ("method", "oracle", "control")
_SCALARS = ("nmse_outside", "nmse_inside", "affine_r2", "affine_r2_do")


def leaderboard(records: pd.DataFrame) -> pd.DataFrame:
    """Return one row per scenario and method, best median nmse_outside first within each role.

    Columns: scenario_label, data_label, method_label, role, cells, cells_ok, then the median over
    seeds of nmse_outside, nmse_inside, affine_r2, affine_r2_do and fit_seconds, and
    nmse_outside_min, nmse_outside_max (spread over all seeds). A cell that failed has no value; it
    counts as infinitely bad in the median and the maximum of nmse_outside and is not left out.
    """
    groups = records.groupby(["scenario_label", "method_label"], sort=False)
    table = pd.DataFrame([_row(group) for _, group in groups])
    scenario_order = {label: i for i, label in enumerate(records["scenario_label"].unique())}
    table["_scenario"] = table["scenario_label"].map(scenario_order)
    table["_role"] = table["role"].map({role: i for i, role in enumerate(ROLE_ORDER)})
    order = table.sort_values(
        ["_scenario", "_role", "nmse_outside", "method_label"], na_position="last", kind="stable"
    )
    return order.drop(columns=["_scenario", "_role"]).reset_index(drop=True)


def _row(group: pd.DataFrame) -> dict[str, object]:
    first = group.iloc[0]
    cells = group["cell_key"].nunique()
    bad = group.loc[~group["status"].isin(["ok", "skipped"]), "cell_key"].nunique()
    row: dict[str, object] = {
        "scenario_label": first["scenario_label"],
        "data_label": first["data_label"],
        "method_label": first["method_label"],
        "role": first["role"],
        "cells": cells,
        "cells_ok": cells - bad,
    }
    for metric in _SCALARS:
        values = group.loc[(group["metric"] == metric) & (group["status"] == "ok"), "value"]
        missing = cells - len(values) if metric.startswith("nmse") else 0
        padded = pd.concat([values, pd.Series([float("inf")] * missing, dtype=float)])
        row[metric] = padded.median() if len(padded) else float("nan")
        if metric == "nmse_outside":
            row["nmse_outside_min"], row["nmse_outside_max"] = padded.min(), padded.max()
    fitted = group[group["status"] == "ok"].drop_duplicates("cell_key")
    row["fit_seconds"] = fitted["fit_seconds"].median()
    return row
