"""A preset and the pair it stands for are the same method: `compare` of a run of each says so."""

import json
import tomllib

import numpy as np
import pytest
from click.testing import CliRunner

from rep4ex_bench import get_method, seeding
from rep4ex_bench.cli.main import cli
from rep4ex_bench.comparison.change import SAME
from rep4ex_bench.records.predictions import read_predictions
from rep4ex_bench.records.records import read_records
from rep4ex_bench.running import cell, runner
from rep4ex_bench.running.suite import parse_suite

HEADER = """\
name = "presets"
seeds = 2
metrics = ["nmse_outside", "nmse_inside", "affine_r2"]
[[scenarios]]
name = "linear_action"
parameters = { n = 200, outcome = "bump" }
"""
PRESETS = """
[[methods]]
name = "rep4ex"
parameters = { steps = 20, hidden = 9 }
[[methods]]
name = "autoencoder"
parameters = { steps = 20, hidden = 9, second_stage = "splines" }
[[methods]]
name = "pca"
[methods.parameters]
latent_dim = 2
second_stage = { name = "thin_plate", parameters = { centres = 9 } }
"""
# Nested as in a suite of a user's, and nothing of it taken from the presets.
PAIRS = """
[[methods]]
name = "two_stage"
label = "rep4ex"
[methods.parameters]
second_stage = "index_splines"
[methods.parameters.representation]
name = "invariant_autoencoder"
parameters = { penalty_weight = 3.0, penalty = "both", steps = 20, hidden = 9 }
[[methods]]
name = "two_stage"
label = "autoencoder"
[methods.parameters]
second_stage = "splines"
[methods.parameters.representation]
name = "autoencoder"
parameters = { steps = 20, hidden = 9 }
[[methods]]
name = "two_stage"
label = "pca"
[methods.parameters.representation]
name = "pca"
parameters = { latent_dim = 2 }
[methods.parameters.second_stage]
name = "thin_plate"
parameters = { centres = 9 }
"""


class Inside:
    """An executor without workers; here nothing can go wrong that they would keep apart."""

    def run(self, cells, on_start, on_done):
        for one in cells:
            on_start(one)
            on_done(one, cell.run_cell(one, "cpu"))


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Runs of the presets, of the pairs, and of pairs of which one has another parameter.

    The seed of a fit comes from the method's name, so that it is no method's fault which seed it
    has; here all have that of one name.
    """
    folder = tmp_path_factory.mktemp("presets")
    texts = {
        "presets": PRESETS,
        "pairs": PAIRS,
        "others": PAIRS.replace("weight = 3.0", "weight = 1.0"),
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runner, "make_executor", lambda *_: Inside())
        patch.setattr(
            cell,
            "method_seed",
            lambda seed, _, scenario: seeding.method_seed(seed, "one", scenario),
        )
        for name, text in texts.items():
            suite = parse_suite(HEADER + text, "t")
            assert runner.run_suite(suite, folder / name).failed == 0
    return folder


UNDECIDED = 3


def compared(folder, first, second):
    """Return the changes of accuracy that `rep4ex-bench compare --json` tells of two runs."""
    command = ["compare", str(folder / first), str(folder / second), "--json"]
    found = CliRunner().invoke(cli, command)
    # the seconds of two seeds are undecidable, as every change of so few is
    assert found.exit_code == UNDECIDED, found.output
    seconds = {"process_seconds", "fit_seconds"}
    return [c for c in json.loads(found.output)["changes"] if c["quantity"] not in seconds]


def predictions(path):
    """Return the predictions (rows,) of each method of a run."""
    rows = read_predictions(path / "predictions.parquet")
    records = read_records(path / "records.parquet")
    labels = records.drop_duplicates("cell_key").set_index("cell_key")["method_label"]
    rows = rows.assign(label=labels.loc[rows["cell_key"]].to_numpy())
    return {label: own["prediction"].to_numpy() for label, own in rows.groupby("label")}


def test_predictions_are_the_same_bits(folders):
    presets, pairs = (predictions(folders / name) for name in ("presets", "pairs"))
    assert set(presets) == set(pairs) == {"rep4ex", "autoencoder", "pca"}
    for label, values in presets.items():
        assert values.size
        assert np.array_equal(values, pairs[label]), label


def test_compare_finds_no_change(folders):
    changes = compared(folders, "presets", "pairs")
    assert {change["name"] for change in changes} == {"rep4ex", "autoencoder", "pca"}
    assert len(changes) == 9  # three metrics of three methods
    for change in changes:
        assert change["verdict"] == SAME
        assert change["before"] == change["after"]
        assert change["ratio"] == 1.0
        assert change["identical"]


def test_another_weight_is_another_method(folders):
    """What says "the same" above can say something else."""
    changes = compared(folders, "presets", "others")
    differ = {change["name"] for change in changes if change["ratio"] != 1.0}
    assert differ == {"rep4ex"}


def test_the_pairs_are_what_the_presets_say_they_are():
    pairs = {one["label"]: one["parameters"] for one in tomllib.loads(PAIRS)["methods"]}
    for one in tomllib.loads(PRESETS)["methods"]:
        preset = get_method(one["name"], **one["parameters"]).two_stage()
        pair = get_method("two_stage", **pairs[one["name"]])
        assert preset.plain_parameters() == pair.plain_parameters()
