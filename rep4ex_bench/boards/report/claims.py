"""The shape of what the Rep4Ex paper claims, checked on the records of a run.

    paper_identification     affine R^2 rises towards 1 with the strength of the actions
    paper_extrapolation_*    beyond the support rep4ex follows the truth, regression on A fails

Each claim says whether it holds here, and the numbers. The thresholds were fixed before any result
was seen. Source: arXiv 2310.04295, Section 6.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace

import pandas as pd

_NEAR_ONE = 0.95
_FOLLOWS = 0.5
_FAILS = 2.0


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
        if len(table) < 2 or not {"rep4ex", "autoencoder"} <= set(table):
            continue
        weakest, strongest = table.iloc[0], table.iloc[-1]
        ends = f"strength {table.index[0]:g} to {table.index[-1]:g}"
        rise = strongest["rep4ex"] - weakest["rep4ex"]
        found.append(
            Claim(
                shape,
                "The affine R² of rep4ex rises towards 1 with the strength of the actions.",
                bool(rise > 0 and strongest["rep4ex"] >= _NEAR_ONE),
                f"median {weakest['rep4ex']:.3f} to {strongest['rep4ex']:.3f}, {ends}; "
                f"near 1 means at least {_NEAR_ONE}",
            )
        )
        for name in [str(label) for label in table if "autoencoder" in str(label)]:
            found.append(
                Claim(
                    shape,
                    f"That of the {name} does not.",
                    bool(strongest[name] < _NEAR_ONE and strongest[name] < strongest["rep4ex"]),
                    f"median {weakest[name]:.3f} to {strongest[name]:.3f}, {ends}",
                )
            )
        if "rep4ex_oracle_penalty" in table:
            gap = strongest["rep4ex_oracle_penalty"] - strongest["rep4ex"]
            found.append(
                Claim(
                    shape,
                    "With strong actions rep4ex comes close to the oracle penalty.",
                    bool(gap <= 1 - _NEAR_ONE),
                    f"{strongest['rep4ex']:.3f} against {strongest['rep4ex_oracle_penalty']:.3f} "
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
        if not {"rep4ex", "mlp_on_actions"} <= set(errors):
            continue
        ours, theirs = errors["rep4ex"], errors["mlp_on_actions"]
        both = errors[["rep4ex", "mlp_on_actions"]].dropna()
        wins = int((both["rep4ex"] < both["mlp_on_actions"]).sum())
        found += [
            Claim(
                str(label),
                "Inside the support a regression on the actions is right.",
                bool(near["mlp_on_actions"].median() <= _FOLLOWS),
                f"median nMSE {near['mlp_on_actions'].median():.3g}, at most {_FOLLOWS}",
            ),
            Claim(
                str(label),
                "Outside the support rep4ex follows the truth.",
                bool(ours.median() <= _FOLLOWS),
                f"median nMSE {ours.median():.3g}, at most {_FOLLOWS}",
            ),
            Claim(
                str(label),
                "There the regression on the actions fails.",
                bool(theirs.median() >= _FAILS * ours.median() and wins > len(both) / 2),
                f"median nMSE {theirs.median():.3g} against {ours.median():.3g}, at least "
                f"{_FAILS:g} times; rep4ex is better on {wins} of {len(both)} seeds",
            ),
        ]
    return found


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
