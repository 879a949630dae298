"""What the report says of the paper's suites: claims with numbers, and curves against strength."""

import json

import numpy as np
import pandas as pd
import pytest

from rep4ex_bench.boards.report import render_report
from rep4ex_bench.boards.report.claims import claims
from rep4ex_bench.boards.report.sweeps import sweeps
from rep4ex_bench.records.predictions import PREDICTION_SCHEMA
from rep4ex_bench.running.suite import load_suite

SUITES = ("paper_identification", "paper_extrapolation_1d", "paper_extrapolation_multi")
ORDER = {"rep4ex": 0, "autoencoder": 1, "rep4ex_oracle_penalty": 2, "mlp_on_actions": 3}


def rows(run, suite, metric, values, scenario="linear_action", alpha=1.0):
    """Records with {method: values by seed} of one scenario, the rest as in a real run."""
    template = run.records.iloc[0].to_dict()
    parameters = json.dumps({"alpha": alpha, "d": 2, "k": 2, "m": 10})
    return pd.DataFrame(
        {
            **template,
            "suite": suite,
            "scenario_label": scenario,
            "scenario_parameters": parameters,
            "method_label": method,
            "metric": metric,
            "seed": seed,
            "value": value,
            "status": "ok",
            "cell_key": f"{scenario}{method}{seed}",
        }
        for method, by_seed in values.items()
        for seed, value in enumerate(by_seed)
    )


def identification(run, ours, plain, oracle=(0.97, 0.98, 0.99)):
    frames = [
        rows(
            run,
            "paper_identification",
            "affine_r2",
            {"rep4ex": [a] * 3, "autoencoder": [b] * 3, "rep4ex_oracle_penalty": [c] * 3},
            f"(2,2,10), strength {alpha}",
            alpha,
        )
        for alpha, a, b, c in zip((0.25, 1.0, 4.0), ours, plain, oracle, strict=True)
    ]
    return pd.concat(frames, ignore_index=True)


def verdicts(records):
    return [claim.holds for claim in claims(records)]


def test_identification_holds_and_does_not(run):
    assert verdicts(identification(run, (0.8, 0.9, 0.97), (0.8, 0.8, 0.82))) == [True] * 3
    assert verdicts(identification(run, (0.98, 0.9, 0.96), (0.8, 0.8, 0.98))) == [
        False,
        False,
        True,
    ]
    assert verdicts(identification(run, (0.3, 0.5, 0.7), (0.2, 0.2, 0.2))) == [False, True, False]
    (first, *_) = claims(identification(run, (0.3, 0.5, 0.7), (0.2, 0.2, 0.2)))
    assert first.about == "k = 2, d = 2, m = 10"
    assert "median 0.300 to 0.700, strength 0.25 to 4" in first.numbers


def extrapolation(run, ours, theirs, near):
    suite = "paper_extrapolation_1d"
    outside = rows(run, suite, "nmse_outside", {"rep4ex": ours, "mlp_on_actions": theirs})
    inside = rows(run, suite, "nmse_inside", {"rep4ex": near, "mlp_on_actions": near})
    return pd.concat([outside, inside], ignore_index=True)


def test_extrapolation_holds_and_does_not(run):
    good = extrapolation(run, [0.1, 0.05, 2.0], [0.4, 0.9, 1.0], [0.01, 0.02, 0.03])
    assert verdicts(good) == [True, True, True]
    assert "better on 2 of 3 seeds" in claims(good)[2].numbers
    bad = extrapolation(run, [0.8, 0.9, 2.0], [0.4, 0.9, 1.0], [0.7, 0.8, 0.9])
    assert verdicts(bad) == [False, False, False]


def test_the_published_recipe_is_judged_beside_ours(run):
    outside = {"rep4ex": [0.1] * 3, "mlp_on_actions": [0.9] * 3, "rep4ex_paper": [0.7] * 3}
    suite = "paper_extrapolation_1d"
    records = pd.concat(
        [rows(run, suite, "nmse_outside", outside), rows(run, suite, "nmse_inside", outside)],
        ignore_index=True,
    )
    held = {claim.text: claim.holds for claim in claims(records)}
    assert held["Outside the support rep4ex_paper follows the truth."] is False
    assert held["Outside the support rep4ex follows the truth."] is True
    with_recipe = identification(run, (0.8, 0.9, 0.97), (0.8, 0.8, 0.82))
    paper = with_recipe[with_recipe["method_label"] == "rep4ex"].assign(
        method_label="rep4ex_paper", value=0.5
    )
    texts = [claim.text for claim in claims(pd.concat([with_recipe, paper]))]
    assert sum("rep4ex_paper" in text for text in texts) == 3
    assert len(texts) == 6


def test_other_suites_claim_nothing(run):
    assert claims(run.records) == []
    assert claims(run.records.iloc[:0]) == []


def test_the_page_says_what_does_not_hold(run):
    records = identification(run, (0.3, 0.5, 0.7), (0.2, 0.2, 0.2))
    empty = PREDICTION_SCHEMA.empty_table().to_pandas()
    page = render_report(records, empty, "identification")
    assert page.count("does not hold") == 2
    assert 'data-figure="sweep"' in page
    assert '<h3 id="sweep-0">(2,2,10), strength</h3>' in page
    assert "does not hold" not in render_report(run.records, run.predictions, "other")


def test_a_sweep_has_the_median_and_the_extremes_of_every_value(run):
    records = identification(run, (0.8, 0.9, 0.97), (0.8, 0.8, 0.82))
    records.loc[(records["method_label"] == "rep4ex") & (records["seed"] == 2), "value"] += 0.01
    (sweep,) = sweeps(records, ORDER)
    assert sweep["parameter"] == "alpha"
    ours = sweep["curves"][0]
    assert ours["at"] == [0.25, 1.0, 4.0]
    assert ours["median"] == [0.8, 0.9, 0.97]
    assert ours["high"] == pytest.approx([0.81, 0.91, 0.98])
    assert ours["seeds"] == [3, 3, 3]
    two = records[records["scenario_label"] != "(2,2,10), strength 4.0"]
    assert sweeps(two, ORDER) == []


@pytest.mark.parametrize("name", SUITES)
def test_the_suites_are_complete(name):
    suite = load_suite(name)
    assert len(suite.seeds) == 20
    labels = {"rep4ex", "rep4ex_paper", "autoencoder"}
    labels |= {"mlp_on_actions", "ols_on_actions"} if "extra" in name else {"pca"}
    assert labels <= set(suite.methods)
    assert {method.role for method in suite.methods.values()} == {"method", "oracle"}
    assert len({scenario.alpha for scenario in suite.scenarios.values()}) >= 3
    assert np.isfinite(suite.timeout_seconds)
