"""Whether all cells of a run were computed by the code that a bundle of it would hold."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pandas as pd

from rep4ex_bench.errors import BundleError
from rep4ex_bench.parameters import Parameterised, build
from rep4ex_bench.records.records import LEFT_OUT
from rep4ex_bench.registry import METRICS, get_method, get_scenario
from rep4ex_bench.running.reuse.sources import differences, document_of
from rep4ex_bench.running.run_folder import RunFolder


def require_one_code(folder: RunFolder, records: pd.DataFrame) -> None:
    """Raise `BundleError` where a cell was computed by other code than there is now.

    Args:
        folder: of the run.
        records: of one method of it. Of cells that do not say what computed them nothing is known;
            they are run again where the bundle is verified, like all others.
    """
    ran = records[~records["status"].isin(LEFT_OUT)]
    now = document_of(_components(ran))
    reasons: dict[str, list[str]] = {}
    count = 0
    for key in ran["cell_key"].unique():
        origin = folder.origin_of(str(key))
        if origin is None:
            continue
        if origin.source not in reasons:
            reasons[origin.source] = differences(folder.source(origin.source) or {}, now)
        if origin.unsettled:
            reasons["unsettled"] = ["files were written while cells were computed"]
        count += origin.unsettled or bool(reasons[origin.source])
    if count:
        said = dict.fromkeys(reason for found in reasons.values() for reason in found)
        raise BundleError(
            f"a submission holds one code, and {count} of {ran['cell_key'].nunique()} cells were "
            f"computed by other code than there is now: {'. '.join(said)}. Run the suite again "
            "with --force, or in another folder"
        )


def _components(ran: pd.DataFrame) -> Iterator[Parameterised]:
    first = ran.iloc[0]
    method = get_method(str(first["method"]), **json.loads(str(first["method_parameters"])))
    yield from (method, *method.parts())
    scenarios = ran[["scenario", "scenario_parameters"]].drop_duplicates("scenario")
    for name, parameters in scenarios.itertuples(index=False):
        yield get_scenario(str(name), **json.loads(str(parameters)))
    for name in ran["metric"].unique():
        if (metric := METRICS.known(str(name))) is not None:
            yield build(metric, {})
