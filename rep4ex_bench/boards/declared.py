"""What the scenarios of records declare: controls, assumptions, whether seeds share one table.

Records have a scenario's registered name and parameters; its class says the rest. Where it is not
installed, or cannot be built here, the default controls hold and nothing is known of assumptions.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache

import pandas as pd

from rep4ex_bench.controls import Controls
from rep4ex_bench.dial import Dial
from rep4ex_bench.registry import get_scenario
from rep4ex_bench.vocabulary import breaks_text


@dataclass(frozen=True)
class Declared:
    """What one scenario declares.

    Attributes:
        controls: None where it has none.
        breaks: which assumptions it breaks, in words (`vocabulary.breaks_text`).
        resampled_share: of the rows of one table that each seed trains on; None where every seed
            draws data of its own, or where nothing is known.
        dial: where it stands on a dial of one broken assumption; None where on none.
    """

    controls: Controls | None
    breaks: str
    resampled_share: float | None = None
    dial: Dial | None = None


def declarations(records: pd.DataFrame) -> dict[str, Declared]:
    """Return what the scenarios of some records declare, by label."""
    columns = ["scenario_label", "scenario", "scenario_parameters"]
    first = records.drop_duplicates("scenario_label")[columns].itertuples(index=False)
    return {str(label): _declared(str(name), str(text)) for label, name, text in first}


def _declared(name: str, parameters: str) -> Declared:
    try:
        return _of_class(name, parameters)
    except (Exception, SystemExit):  # a plug-in may raise anything when it is imported
        return Declared(Controls(), breaks_text(frozenset()))


@cache  # of what is found: what raises is tried again
def _of_class(name: str, parameters: str) -> Declared:
    scenario = get_scenario(name, **json.loads(parameters))
    return Declared(
        scenario.checked_controls(),
        breaks_text(scenario.checked_assumptions()),
        scenario.checked_resampled_share(),
        scenario.dial,
    )
