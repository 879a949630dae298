"""What the methods must reach on `linear_action`: medians over seeds, trained in full.

`docs/targets.md` has them over ten seeds.
"""

import pytest

from rep4ex_bench.running.runner import run_suite
from rep4ex_bench.running.suite import parse_suite

pytestmark = pytest.mark.slow


def values(tmp_path, scenario, methods, metric, seeds=3):
    """Return {method: values over seeds} of a suite run in full."""
    entries = "".join(f'[[methods]]\nname = "{name}"\n' for name in methods)
    text = (
        f'name = "targets"\nseeds = {seeds}\nmetrics = ["nmse_outside", "affine_r2"]\n'
        f'[[scenarios]]\nname = "linear_action"\nparameters = {scenario}\n{entries}'
    )
    records = run_suite(parse_suite(text, "targets"), tmp_path).records
    chosen = records[(records["metric"] == metric) & (records["status"] == "ok")]
    table = chosen.pivot(index="seed", columns="method", values="value")
    assert table.shape == (seeds, len(methods))
    return table


@pytest.fixture(scope="module")
def identification(tmp_path_factory):
    """Affine R^2 with three layers and strong actions."""
    return values(
        tmp_path_factory.mktemp("identification"),
        "{ k = 2, d = 2, m = 10, layers = 3, alpha = 2.0, n = 5000 }",
        ["rep4ex", "autoencoder"],
        "affine_r2",
    )


def test_identification_in_the_median(identification):
    rep4ex, autoencoder = identification["rep4ex"], identification["autoencoder"]
    assert rep4ex.median() >= 0.95
    assert rep4ex.median() > autoencoder.median() + 0.02
    assert (rep4ex > autoencoder).all()


def test_extrapolation_with_two_layers(tmp_path):
    table = values(
        tmp_path,
        "{ k = 2, d = 2, m = 10, layers = 2, alpha = 1.0, n = 5000, outcome = 'softplus' }",
        ["rep4ex", "autoencoder", "mlp_on_actions", "oracle_control_function"],
        "nmse_outside",
    )
    median = table.median()
    assert median["oracle_control_function"] <= 0.02
    assert median["rep4ex"] <= 0.05
    assert (table["rep4ex"] < table["mlp_on_actions"]).all()
    assert median["rep4ex"] < median["mlp_on_actions"]
    assert median["rep4ex"] < median["autoencoder"]
