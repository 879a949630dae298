"""Size of the tests on own data, by simulation.

python tools/pages/own_data_tests.py [--tables 1000] [--out docs/own-data-tests.md]
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from rep4ex_bench.accuracy import normalised_mse
from rep4ex_bench.boards.ranking.one_table import corrected_p
from rep4ex_bench.boards.ranking.pairs import ALPHA, signed_rank_p
from rep4ex_bench.data import FloatArray
from rep4ex_bench.scenarios._own_data.table import file_hash
from rep4ex_bench.scenarios.own_data import OwnData

SEEDS = (5, 8, 20)
ROWS = 600


@dataclass(frozen=True)
class Case:
    """A kind of table: nine doses, of which those above `hold_out` are held out.

    Attributes:
        effect: E[Y | do(A = a)] of doses in [0, 1].
        degree: of the polynomial that both methods fit.
        noise: standard deviation of the outcome about its mean.
        hold_out: largest dose that is kept.
    """

    effect: Callable[[FloatArray], FloatArray]
    degree: int
    noise: float
    hold_out: float = 0.65


CASES = {
    "bent, a line is fitted": Case(lambda a: np.log1p(np.exp(3 * a)), 1, 0.3),
    "strongly bent, a line is fitted": Case(lambda a: 4 * a**2, 1, 0.3),
    "cubic, a parabola is fitted": Case(lambda a: 6 * a**3, 2, 0.3),
    "cubic, few noisy rows held out": Case(lambda a: 6 * a**3, 2, 1.0, 0.8),
    "straight, a line is fitted": Case(lambda a: a, 1, 0.3),
}
SHARES = (0.5, 0.8)


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--tables", type=int, default=1_000)
    parser.add_argument("--out", type=Path, help="write the page here instead of printing it")
    arguments = parser.parse_args()
    rows = []
    for name, case in CASES.items():
        errors = simulated_errors(case, SHARES, max(SEEDS), arguments.tables)
        for place, share in enumerate(SHARES):
            for seeds in SEEDS:
                naive, corrected = shares_of(errors[place, :, :seeds], share)
                numbers = f"{100 * naive:.1f} | {100 * corrected:.1f}"
                rows.append(f"| {name} | {share:g} | {seeds} | {numbers} |")
    error = 100 * (ALPHA * (1 - ALPHA) / arguments.tables) ** 0.5
    page = _PAGE.format(tables=arguments.tables, error=error, rows="\n".join(rows))
    if arguments.out is None:
        print(page)
    else:
        arguments.out.write_text(page, encoding="utf-8")


def simulated_errors(case: Case, shares: tuple[float, ...], seeds: int, tables: int) -> FloatArray:
    """Return nmse_outside of two exchangeable methods, (shares, tables, seeds, 2).

    Both fit the same polynomial by weighted least squares; each weights rows by a column of its own
    of random numbers, so that in law neither differs from the other and no table knows which is
    better. Rows are held out, kept for the error inside and split as a run on own data does it.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.parquet"
        found = [_errors(case, shares, seeds, table, path) for table in range(tables)]
    return np.stack(found, axis=1)


def _errors(
    case: Case, shares: tuple[float, ...], seeds: int, table: int, path: Path
) -> FloatArray:
    rng = np.random.default_rng(table)
    dose = rng.integers(0, 9, ROWS) / 8
    outcome = case.effect(dose) + case.noise * rng.normal(size=ROWS)
    weights = np.exp(0.5 * rng.normal(size=(ROWS, 2)))
    columns = {"dose": dose, "w_1": weights[:, 0], "w_2": weights[:, 1], "y": outcome}
    pd.DataFrame(columns).to_parquet(path)
    digest = file_hash(path)
    found = []
    for share in shares:
        scenario = OwnData(
            file=str(path),
            sha256=digest,
            actions="dose",
            features="w_*",
            outcome="y",
            hold_out=f"dose > {case.hold_out}",
            training_share=share,
        )
        found.append([_errors_of_seed(scenario, seed, case.degree) for seed in range(seeds)])
    return np.array(found)


def _errors_of_seed(scenario: OwnData, seed: int, degree: int) -> FloatArray:
    task = scenario.sample(seed)
    outside = task.queries.scored & (task.queries.distance > 1)
    basis = np.vander(task.train.actions.numpy().astype(float)[:, 0], degree + 1)
    asked = np.vander(task.queries.actions[outside, 0], degree + 1)
    outcome, truth = task.train.outcome.numpy().astype(float), task.truth.values[outside]
    found = []
    for weights in np.sqrt(task.train.features.numpy().astype(float)).T:
        fitted = np.linalg.lstsq(basis * weights[:, None], outcome * weights, rcond=None)[0]
        found.append(normalised_mse(asked @ fitted, truth))
    return np.array(found)


def shares_of(errors: FloatArray, share: float) -> tuple[float, float]:
    """Return how often the signed-rank test over seeds and the corrected test reject.

    For errors (tables, seeds, 2).
    """
    differences = np.log(errors[..., 0] / errors[..., 1])
    naive = np.mean([signed_rank_p(d) <= ALPHA for d in differences])
    corrected = np.mean([corrected_p(d, share) <= ALPHA for d in differences])
    return float(naive), float(corrected)


_PAGE = """# What seeds of one table can tell

Made by `python tools/pages/own_data_tests.py --tables {tables} --out docs/own-data-tests.md`.

The seeds of a run on own data split one table. Their errors are correlated, and more seeds are no
more data: a test that takes them as independent finds differences between equal methods, the more
often the more seeds there are. Boards and `compare` therefore use the t-test of Nadeau and Bengio
(2003) with the correlation that random shares s of the same rows have: the variance of a mean over
J seeds is (1 / J + s / (1 - s)) S², S² the variance between seeds (Shao and Wu 1989). With
n_test / n_train in place of s / (1 - s), as in their paper, the test would be wrong here: the
held-out rows are the same in every seed.

Below: {tables} tables of 600 rows a line, on each two methods that are equal in law (weighted least
squares; each weights the rows by a random column of its own). In percent: how often the tests
reject at 5 % (the standard error of such a share is {error:.1f}).

| table | share s | seeds | signed-rank test over seeds | corrected test |
|---|---|---|---|---|
{rows}

Where errors come mostly from extrapolation that bends away from the truth (the first three kinds of
table), the corrected test rejects as often as it should or a little less. Where they are mostly
noise of the fit (the last two), errors are squares of what varies, splits vary more than tables do,
and it rejects more seldom than it might: it errs on the safe side. By how much the errors of seeds
cannot tell, since that depends on how the squares are made up. With 5 seeds the
signed-rank test cannot reject at all.
"""

if __name__ == "__main__":
    main()
