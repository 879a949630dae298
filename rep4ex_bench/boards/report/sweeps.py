"""Affine R^2 against a parameter of the scenario, where a run has several values of just one."""

from __future__ import annotations

import json
import math
import re
from typing import Any

import pandas as pd

from rep4ex_bench.boards.numbers import median, plain

_FEWEST_VALUES = 3


def sweeps(records: pd.DataFrame, order: dict[str, int]) -> list[dict[str, Any]]:
    """Return one sweep for each group of scenarios that differ in one number only.

    Args:
        records: of the run.
        order: index of every method label.
    """
    good = records[(records["metric"] == "affine_r2") & (records["status"] == "ok")]
    scenarios = good.drop_duplicates("scenario_label")
    groups: dict[tuple[str, str], dict[str, tuple[str, float]]] = {}
    for name, label, text in zip(
        scenarios["scenario"],
        scenarios["scenario_label"],
        scenarios["scenario_parameters"],
        strict=True,
    ):
        for parameter, value in _numbers(text).items():
            others = json.dumps([name, _without(text, parameter)], sort_keys=True)
            groups.setdefault((parameter, others), {})[str(label)] = (parameter, value)
    return [
        _sweep(good, members, order)
        for members in groups.values()
        if len(members) >= _FEWEST_VALUES
    ]


def _numbers(text: str) -> dict[str, float]:
    parameters = _parameters(text)
    return {
        name: float(value)
        for name, value in parameters.items()
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    }


def _parameters(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:  # a record of a third party
        return {}
    return found if isinstance(found, dict) else {}


def _without(text: str, parameter: str) -> dict[str, Any]:
    return {name: value for name, value in _parameters(text).items() if name != parameter}


def _sweep(
    good: pd.DataFrame, members: dict[str, tuple[str, float]], order: dict[str, int]
) -> dict[str, Any]:
    parameter = next(iter(members.values()))[0]
    rows = good[good["scenario_label"].isin(list(members))]
    curves: list[dict[str, Any]] = []
    for label, own in rows.groupby("method_label", sort=False):
        by_value: dict[float, list[float]] = {}
        for scenario, value in zip(own["scenario_label"], own["value"], strict=True):
            by_value.setdefault(members[str(scenario)][1], []).append(float(value))
        ordered = dict(sorted(by_value.items()))
        curves.append(
            {
                "method": order[str(label)],
                "at": [plain(at) for at in ordered],
                "median": [plain(median(values)) for values in ordered.values()],
                "low": [plain(min(values)) for values in ordered.values()],
                "high": [plain(max(values)) for values in ordered.values()],
                "seeds": [len(values) for values in ordered.values()],
            }
        )
    curves.sort(key=lambda curve: curve["method"])
    return {"label": _common_label(list(members)), "parameter": parameter, "curves": curves}


def _common_label(labels: list[str]) -> str:
    """Return what the labels start with in common, to the end of a word."""
    common = ""
    for characters in zip(*labels, strict=False):
        if len(set(characters)) > 1:
            break
        common += characters[0]
    words = re.sub(r"[^\s,;:]*$", "", common).rstrip(" ,;:")
    return words or f"{labels[0]} and others"
