"""Make docs/tutorials/trial.csv, the table that the README's command for own data reads.

    python tools/trial_table.py [FILE]

Doses 0 to 8 at random, a hidden confounder of features and outcome, a latent that the dose moves
linearly: the setting of the benchmark, as a trial that somebody might have made.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd

FILE = Path(__file__).resolve().parent.parent / "docs" / "tutorials" / "trial.csv"
ROWS = 1200


def table() -> pd.DataFrame:
    """Return dose, x_1 to x_3 and y of every unit, to four decimals."""
    rng = np.random.default_rng(0)
    dose = rng.integers(0, 9, ROWS).astype(float)
    confounder = rng.normal(size=ROWS)
    latent = dose / 2 + confounder
    columns = {
        "dose": dose,
        "x_1": latent + 0.1 * latent**3,
        "x_2": np.exp(-latent / 4),
        "x_3": np.tanh(latent / 3),
        "y": np.logaddexp(0, latent - 2) + 0.8 * confounder + 0.1 * rng.normal(size=ROWS),
    }
    return pd.DataFrame(columns).round(4)


if __name__ == "__main__":
    table().to_csv(sys.argv[1] if len(sys.argv) > 1 else FILE, index=False)
