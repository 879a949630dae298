"""The shape of what the Rep4Ex paper claims, checked on the records of a run.

    paper_identification     affine R^2 rises towards 1 with the strength of the actions
    paper_extrapolation_*    beyond the support the method follows the truth, regression on A fails

They are judged by the published recipe, `rep4ex_paper`, and by our improvement, `rep4ex`, side by
side: the paper speaks of the first. Each claim says whether it holds here, and the numbers. The
thresholds were fixed before any result was seen. Source: arXiv 2310.04295, Section 6.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace

import pandas as pd

_NEAR_ONE = 0.95
_FOLLOWS = 0.5
_FAILS = 2.0
_REGRESSION = "mlp_on_actions"
JUDGED = ("rep4ex_paper", "rep4ex")


@dataclass(frozen=True)
class Claim:
    """A claim of the paper, about one group of scenarios.

    Attributes:
        about: the scenarios.
        text: the claim.
        holds: whether it does, here.
        numbers: what that was read off.
    """

    about: str
    text: str
    holds: bool
    numbers: str

    def marked(self, unsolved: Collection[str]) -> Claim:
        """Return the claim with a mark where it is about a scenario that is unsolved."""
        mark = " (unsolved)" if self.about in unsolved else ""
        return replace(self, about=self.about + mark)


def claims(records: pd.DataFrame) -> list[Claim]:
    """Return the claims of the paper's suites in the records; none for other suites."""
    found: list[Claim] = []
    for suite, rows in records.groupby("suite", sort=False):
        check = _CHECKS.get(str(suite))
        if check is not None:
            found += check(rows)
    return found


def identification(records: pd.DataFrame) -> list[Claim]:
    """Return the claims on affine R^2 against strength, one set per (k, d, m)."""
    found = []
    for shape, rows in _by_shape(_values(records, "affine_r2")):
        table = rows.pivot_table(
            index="alpha", columns="method_label", values="value", aggfunc="median"
        ).sort_index()
        if len(table) < 2:
            continue
        for name in (name for name in JUDGED if name in table):
            found += _identified_by(name, shape, table)
    return found


def _identified_by(name: str, shape: str, table: pd.DataFrame) -> list[Claim]:
    """Return the claims for one method, from median R^2 by strength (rows) and method."""
    weakest, strongest = table.iloc[0], table.iloc[-1]
    ends = f"strength {table.index[0]:g} to {table.index[-1]:g}"
    reached = strongest[name]
    found = [
        Claim(
            shape,
            f"The affine R² of {name} rises towards 1 with the strength of the actions.",
            bool(reached > weakest[name] and reached >= _NEAR_ONE),
            f"median {weakest[name]:.3f} to {reached:.3f}, {ends}; "
            f"near 1 means at least {_NEAR_ONE}",
        )
    ]
    for other in [str(label) for label in table if "autoencoder" in str(label)]:
        found.append(
            Claim(
                shape,
                f"That of the {other} does not, and stays below that of {name}.",
                bool(strongest[other] < _NEAR_ONE and strongest[other] < reached),
                f"median {weakest[other]:.3f} to {strongest[other]:.3f}, {ends}",
            )
        )
    if "rep4ex_oracle_penalty" in table:
        best = strongest["rep4ex_oracle_penalty"]
        found.append(
            Claim(
                shape,
                f"With strong actions {name} comes close to the oracle penalty.",
                bool(best - reached <= 1 - _NEAR_ONE),
                f"{reached:.3f} against {best:.3f} "
                f"at strength {table.index[-1]:g}; close means within {1 - _NEAR_ONE:.2f}",
            )
        )
    return found


def extrapolation(records: pd.DataFrame) -> list[Claim]:
    """Return the claims on errors inside and outside the support, one set per scenario."""
    found = []
    outside, inside = _values(records, "nmse_outside"), _values(records, "nmse_inside")
    for label, rows in outside.groupby("scenario_label", sort=False):
        errors = rows.pivot(index="seed", columns="method_label", values="value")
        near = inside[inside["scenario_label"] == label].pivot(
            index="seed", columns="method_label", values="value"
        )
        judged = [name for name in JUDGED if name in errors]
        if not judged or _REGRESSION not in errors:
            continue
        found.append(
            Claim(
                str(label),
                "Inside the support a regression on the actions is right.",
                bool(near[_REGRESSION].median() <= _FOLLOWS),
                f"median nMSE {near[_REGRESSION].median():.3g}, at most {_FOLLOWS}",
            )
        )
        for name in judged:
            found += _extrapolated_by(name, str(label), errors)
    return found


def _extrapolated_by(name: str, label: str, errors: pd.DataFrame) -> list[Claim]:
    """Return the claims for one method, from nmse_outside by seed (rows) and method."""
    ours, theirs = errors[name].median(), errors[_REGRESSION].median()
    both = errors[[name, _REGRESSION]].dropna()
    wins = int((both[name] < both[_REGRESSION]).sum())
    return [
        Claim(
            label,
            f"Outside the support {name} follows the truth.",
            bool(ours <= _FOLLOWS),
            f"median nMSE {ours:.3g}, at most {_FOLLOWS}",
        ),
        Claim(
            label,
            f"There the regression on the actions fails, compared with {name}.",
            bool(theirs >= _FAILS * ours and wins > len(both) / 2),
            f"median nMSE {theirs:.3g} against {ours:.3g}, at least "
            f"{_FAILS:g} times; {name} is better on {wins} of {len(both)} seeds",
        ),
    ]


_CHECKS: dict[str, Callable[[pd.DataFrame], list[Claim]]] = {
    "paper_identification": identification,
    "paper_extrapolation_1d": extrapolation,
    "paper_extrapolation_multi": extrapolation,
}


def _values(records: pd.DataFrame, metric: str) -> pd.DataFrame:
    return records[(records["metric"] == metric) & (records["status"] == "ok")]


def _by_shape(records: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """Return (k, d, m) in words with the rows of it, which have their strength as `alpha`."""
    found: dict[str, list[int]] = {}
    strengths = []
    for place, text in enumerate(records["scenario_parameters"]):
        parameters = json.loads(text)
        strengths.append(float(parameters["alpha"]))
        shape = "k = {k}, d = {d}, m = {m}".format(**parameters)
        found.setdefault(shape, []).append(place)
    rows = records.assign(alpha=strengths)
    return [(shape, rows.iloc[places]) for shape, places in found.items()]
