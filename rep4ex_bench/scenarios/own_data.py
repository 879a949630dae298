"""`own_data`: a table of the user's. Held-out actions give the truth, so nothing is simulated.

A is exogenous, hence E[Y | do(A = a)] = E[Y | A = a] (Rep4Ex, arXiv 2310.04295, Section 2): the
mean outcome of the rows that were held out is the truth, with a standard error.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import torch

from rep4ex_bench.data import FloatArray, TrainingData
from rep4ex_bench.errors import DataError
from rep4ex_bench.scenario import DataCheck, Description, Queries, Scenario, Task, Truth
from rep4ex_bench.scenarios._own_data.checks import check_data
from rep4ex_bench.scenarios._own_data.columns import Roles, assign_roles, numbers
from rep4ex_bench.scenarios._own_data.hold_out import held_out_rows
from rep4ex_bench.scenarios._own_data.observations import Observations
from rep4ex_bench.scenarios._own_data.observed_truth import ObservedTruth, observed_truth
from rep4ex_bench.scenarios._own_data.support import distances_from_support
from rep4ex_bench.scenarios._own_data.table import file_hash, read_table
from rep4ex_bench.seeding import derive_seed, numpy_generator

# Parameters that name columns of what else was observed: words of `vocabulary.py`.
_FURTHER = ("covariates", "environment", "time")


class OwnData(Scenario):
    """Rows of a Parquet, CSV or NPZ file; rows that `hold_out` names are never trained on.

    A seed trains on a random share of the other rows, so seeds are splits of one table and no
    independent observations; boards test and give intervals accordingly (`ranking/one_table.py`).
    With 1, only the method's own randomness varies, and nothing can be tested.

    Args:
        file: path of the data.
        sha256: of the file, so that a changed file is never taken for the one that was run.
        actions: names of columns or patterns such as `a_*`, commas between them.
        features: likewise.
        outcome: name of one column.
        hold_out: which actions are held out, e.g. `dose > 2 or abs(a1) > 1.5`; see `hold_out.py`.
        training_share: of the rows that are not held out or kept inside, in (0, 1].
        inside_share: of the rows that are not held out, kept for the error inside, in [0, 0.5].
        latent_dim: d, disclosed to every method; None where it is not known.
        covariates: names of columns that methods may use beside the features, "" for none. They are
            no excuse for actions that somebody chose by them: the truth takes actions as exogenous.
        environment: name of the column that numbers the environments, "" for none.
        time: name of the column of the time, "" for none.
    """

    name: ClassVar[str] = "own_data"
    version: ClassVar[int] = 1
    data_label: ClassVar[str] = "real"

    def __init__(
        self,
        file: str = "",
        sha256: str = "",
        actions: str = "",
        features: str = "",
        outcome: str = "",
        hold_out: str = "",
        training_share: float = 0.5,
        inside_share: float = 0.2,
        latent_dim: int | None = None,
        covariates: str = "",
        environment: str = "",
        time: str = "",
    ) -> None:
        self.file = file
        self.sha256 = sha256
        self.actions = actions
        self.features = features
        self.outcome = outcome
        self.hold_out = hold_out
        self.training_share = training_share
        self.inside_share = inside_share
        self.latent_dim = latent_dim
        self.covariates = covariates
        self.environment = environment
        self.time = time

    @property
    def offers(self) -> frozenset[str]:
        """Features and what else is named; what nature knows is not in a table."""
        further = [name for name in _FURTHER if getattr(self, name)]
        return frozenset({"features", *further})

    @property
    def resampled_share(self) -> float:
        """Every seed takes that share of the same rows."""
        return self.training_share

    def description(self) -> Description:
        """Return d where the user says it; the rest is known once the file is read."""
        return Description(None, None, None, self.latent_dim, self.checked_offers())

    def check_parameters(self) -> None:
        """Raise `ParameterError` if a parameter lies outside its domain."""
        for parameter in ("file", "actions", "features", "outcome", "hold_out"):
            value = getattr(self, parameter)
            if not isinstance(value, str) or not value.strip():
                self.reject(parameter, "a text that is not empty")
        for parameter in _FURTHER:
            if not isinstance(getattr(self, parameter), str):
                self.reject(parameter, "a text, empty where nothing of it was observed")
        if not isinstance(self.sha256, str) or len(self.sha256) != 64:
            self.reject("sha256", "the 64 hexadecimal digits that `sha256sum` prints for the file")
        self.require_number("training_share", 0.0, strict=True, maximum=1.0)
        self.require_number("inside_share", 0.0, maximum=0.5)
        if self.latent_dim is not None:
            self.require_integer("latent_dim", 1)

    def observations(self) -> Observations:
        """Return the data and the truth, the same for every seed.

        Raises:
            DataError: the file cannot be read or is another than `sha256` says, a column is
                missing or holds no finite numbers, the outcome is constant or one of the other
                columns, the hold-out leaves nothing to do or no scale of errors, or there are fewer
                features than latents.
        """
        self.check_parameters()
        seen = self._observed()
        m = len(seen.roles.features)
        if self.latent_dim is not None and self.latent_dim > m:
            raise DataError(
                f"latent_dim must be at most the {m} feature column(s), which cannot hold more "
                f"latents, got {self.latent_dim}: lower it, leave it out where it is not known, or "
                "name more features"
            )
        return seen

    def data_checks(self) -> list[DataCheck]:
        """Hold the assumptions against the table; raises as `observations`."""
        return check_data(self.observations(), self.latent_dim)

    def _observed(self) -> Observations:
        return _observations(
            self.file,
            self.sha256,
            self.actions,
            self.features,
            self.outcome,
            self.hold_out,
            self.inside_share,
            self.covariates,
            self.environment,
            self.time,
        )

    def sample(self, seed: int) -> Task:
        """Return the task of that seed; raises as `observations`."""
        seen = self.observations()
        rows = np.flatnonzero(~seen.outside & ~seen.inside)
        count = max(1, round(self.training_share * len(rows)))
        rng = numpy_generator(derive_seed(seed, self.name), "training rows")
        chosen = np.sort(rng.permutation(rows)[:count])
        further: dict[str, Any] = {
            name: torch.from_numpy(values[chosen]) for name, values in seen.further.items()
        }
        return Task(
            train=TrainingData(
                torch.from_numpy(seen.actions[chosen]),
                torch.from_numpy(seen.features[chosen]),
                torch.from_numpy(seen.outcome[chosen]),
                latent_dim=self.latent_dim,
                **further,
            ),
            queries=Queries(seen.truth.actions, seen.distance, np.full(len(seen.distance), np.nan)),
            truth=Truth(seen.truth.means, seen.truth.standard_errors, "held-out rows"),
            oracle=None,
        )


@lru_cache(maxsize=2)
def _observations(
    file: str,
    sha256: str,
    actions: str,
    features: str,
    outcome: str,
    hold_out: str,
    inside_share: float,
    covariates: str,
    environment: str,
    time: str,
) -> Observations:
    """Read once a process: its cells share the file."""
    path = Path(file)
    if (found := file_hash(path)) != sha256:
        raise DataError(
            f"{path} is not the file that this suite is about: its SHA-256 is {found}, expected "
            f"{sha256}; start a run of its own for changed data"
        )
    table = read_table(path)
    roles = assign_roles(
        list(table.columns),
        actions=actions,
        features=features,
        outcome=outcome,
        covariates=covariates,
        environment=environment,
        time=time,
    )
    a = numbers(table, roles.actions, "actions")
    x = numbers(table, roles.features, "features")
    y = numbers(table, [roles.outcome], "outcome")[:, 0]
    further = _further(table, roles)
    _refuse_outcomes(table, roles)
    outside = held_out_rows(hold_out, pd.DataFrame(a, columns=list(roles.actions)))
    kept = np.flatnonzero(~outside)
    if not outside.any() or not len(kept):
        raise DataError(
            f"the hold-out {hold_out!r} names {int(outside.sum())} of {len(y)} rows: it must leave "
            f"some and take some; the actions span "
            + ", ".join(
                f"{name} {low:.3g} to {high:.3g}"
                for name, low, high in zip(roles.actions, a.min(0), a.max(0), strict=True)
            )
        )
    inside = np.zeros(len(y), dtype=bool)
    reserved = round(inside_share * len(kept))
    if reserved >= 4:
        inside[numpy_generator(0, "own data", "inside").permutation(kept)[:reserved]] = True
    parts = [observed_truth(a[rows], y[rows]) for rows in (outside, inside) if rows.any()]
    truth = ObservedTruth(
        np.concatenate([part.actions for part in parts]),
        np.concatenate([part.means for part in parts]),
        np.concatenate([part.standard_errors for part in parts]),
        np.concatenate([part.rows for part in parts]),
        all(part.exact for part in parts),
        np.concatenate([part.biases for part in parts]),
    )
    distance = distances_from_support(truth.actions, a[~outside])
    held_out_groups = len(parts[0].means)
    scored = truth.means[distance > 1]
    if len(scored) > 1 and np.ptp(scored) == 0:
        raise DataError(
            f"the mean outcome is {scored[0]:g} at all {len(scored)} held-out actions outside the "
            "support: errors have no scale there; hold out actions at which the outcome differs"
        )
    return Observations(roles, a, x, y, further, outside, inside, truth, distance, held_out_groups)


def _refuse_outcomes(table: pd.DataFrame, roles: Roles) -> None:
    """Raise `DataError` for an outcome that is constant, or that methods would be told."""
    outcome = table[roles.outcome].to_numpy(np.float64)
    if np.ptp(outcome) == 0:
        raise DataError(
            f"the outcome {roles.outcome!r} is {outcome[0]:g} in every row: there is nothing to "
            "predict; name another column"
        )
    for role in ("actions", "features", "covariates"):
        for name in getattr(roles, role):
            if np.array_equal(table[name].to_numpy(np.float64), outcome):
                raise DataError(
                    f"column {name!r} ({role}) equals the outcome {roles.outcome!r} in every row: "
                    f"leave it out of the {role}"
                )


def _further(table: pd.DataFrame, roles: Roles) -> dict[str, FloatArray]:
    found = {}
    if roles.covariates:
        found["covariates"] = numbers(table, roles.covariates, "covariates")
    for role in ("environment", "time"):
        if name := getattr(roles, role):
            found[role] = numbers(table, [name], role)[:, 0]
    return found
