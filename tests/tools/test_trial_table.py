"""The table of the README's command for own data is what its script makes."""

import sys
from pathlib import Path

import pandas as pd

sys.path.insert(0, str(Path(__file__).parents[2] / "tools"))
import trial_table


def test_the_committed_table_is_what_the_script_makes():
    # four decimals: another NumPy may round the last one otherwise
    pd.testing.assert_frame_equal(
        pd.read_csv(trial_table.FILE), trial_table.table(), rtol=0, atol=1.5e-4
    )
