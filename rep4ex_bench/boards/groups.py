"""Groups of methods that stand apart on boards.

    method    as given, its defaults or stated parameters; ranked
    tuned     parameters chosen on its training data (`methods/tuned.py`); ranked among themselves
    oracle    is shown what nature knows
    control   learns nothing

A tuned method has had more tries than one as given, so that neither is ever ranked with the other.
Records have no such column: the group follows from the role and the registered name.
"""

from __future__ import annotations

import json

import pandas as pd

from rep4ex_bench.grids import TUNED, configurations

GROUPS = ("method", TUNED, "oracle", "control")
RANKED_GROUPS = ("method", TUNED)


def groups_of(records: pd.DataFrame) -> dict[str, str]:
    """Return the group of every method by label; of repeated labels the last one's."""
    last = records.drop_duplicates("method_label", keep="last")
    rows = zip(last["method_label"], last["method"], last["role"], strict=True)
    return {
        str(label): TUNED if method == TUNED and role == "method" else str(role)
        for label, method, role in rows
    }


def configurations_of(records: pd.DataFrame) -> dict[str, int]:
    """Return how many configurations each method tried, by label: 1 where it was not tuned.

    0 for a tuned one whose parameters do not say, as of a method that cannot be imported.
    """
    found = {}
    for label, group in groups_of(records).items():
        found[label] = 1
        if group == TUNED:
            own = records.loc[records["method_label"] == label, "method_parameters"]
            found[label] = _configurations(str(own.iloc[-1]))
    return found


def mark(group: str, tried: int = 1) -> str:
    """Return what stands beside a method's label: "tuned, 8 configurations", "oracle" or ""."""
    if group == TUNED and tried:
        return f"{TUNED}, {tried} configuration{'s' if tried > 1 else ''}"
    return "" if group == "method" else group


def named(label: str, group: str, tried: int = 0) -> str:
    """Return a label with its mark, once: those of tuned methods often end in it already."""
    said = mark(group, tried)
    return f"{label.removesuffix(f' ({group})')} ({said})" if said else label


def _configurations(parameters: str) -> int:
    try:
        return configurations(json.loads(parameters))
    except (ValueError, TypeError, KeyError, AttributeError):
        return 0
