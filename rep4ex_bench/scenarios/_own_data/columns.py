"""Which columns of a table are actions, features and outcome: names, or patterns such as `x_*`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import combinations

import numpy as np
import pandas as pd

from rep4ex_bench.data import FloatArray
from rep4ex_bench.errors import DataError, UnknownNameError


@dataclass(frozen=True)
class Roles:
    """Names of the columns, in the order of the table; () or "" for what is not observed."""

    actions: tuple[str, ...]
    features: tuple[str, ...]
    outcome: str
    covariates: tuple[str, ...] = ()
    environment: str = ""
    time: str = ""


# Roles of one column, and what is asked of it.
_SINGLE = {
    "outcome": "one outcome is predicted",
    "environment": "one column numbers the environments",
    "time": "one column holds the time",
}
_NEEDED = ("actions", "features", "outcome")


def split_names(text: str) -> tuple[str, ...]:
    """Return the parts of `a1, a2` without blanks around them."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def assign_roles(columns: Sequence[str], **wanted: str) -> Roles:
    """Return the columns of each role.

    Args:
        columns: names that the table has.
        wanted: names or patterns by role (a field of `Roles`), with commas between them; "" for a
            role that no column has, which actions, features and outcome cannot be.

    Raises:
        UnknownNameError: a name or pattern that no column has (the near name is suggested).
        DataError: a column in two roles, or several where one is asked for.
    """
    named = {
        role: _matching(columns, patterns, role)
        for role, patterns in wanted.items()
        if patterns.strip() or role in _NEEDED
    }
    for role, what in _SINGLE.items():
        if len(named.get(role, ())) > 1:
            raise DataError(f"{what}, got {', '.join(named[role])}")
    for first, second in combinations(named, 2):
        both = [name for name in named[first] if name in named[second]]
        if both:
            raise DataError(
                f"column(s) {', '.join(both)} would be both {first} and {second}: name the "
                f"{first} or the {second} more narrowly"
            )
    one = {role: named[role][0] for role in _SINGLE if role in named}
    return Roles(
        named["actions"],
        named["features"],
        one["outcome"],
        named.get("covariates", ()),
        one.get("environment", ""),
        one.get("time", ""),
    )


def _matching(columns: Sequence[str], patterns: str, role: str) -> tuple[str, ...]:
    wanted = split_names(patterns)
    if not wanted:
        raise DataError(f"{role} must name at least one column, got {patterns!r}")
    chosen = set()
    for pattern in wanted:
        found = [c for c in columns if c == pattern or fnmatchcase(c, pattern)]
        if not found:
            raise UnknownNameError(f"column for the {role}", pattern, columns)
        chosen.update(found)
    return tuple(name for name in columns if name in chosen)


def numbers(table: pd.DataFrame, names: Sequence[str], role: str) -> FloatArray:
    """Return the columns as float64, (n, number of names).

    Raises:
        DataError: a column that is no number, or values that are missing, infinite or beyond
            float32 (which, and how many).
    """
    arrays = []
    for name in names:
        column = table[name]
        if not (pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column)):
            raise DataError(
                f"column {name!r} ({role}) must be numeric, got {column.dtype}, first value "
                f"{column.iloc[0]!r:.60}: encode it as numbers (a category as 0/1 columns)"
            )
        if pd.api.types.is_complex_dtype(column):
            raise DataError(f"column {name!r} ({role}) must be real, got {column.dtype}")
        values = column.to_numpy(dtype=np.float64, na_value=np.nan)
        with np.errstate(over="ignore"):
            bad = ~np.isfinite(values.astype(np.float32))  # what methods get
        if bad.any():
            raise DataError(
                f"column {name!r} ({role}) has {int(bad.sum())} missing, infinite or huge "
                f"value(s), the first in row {int(bad.argmax())}: drop or impute those rows"
            )
        arrays.append(values)
    return np.column_stack(arrays)
