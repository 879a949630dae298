"""The files of `rep4ex-bench export`: what a scenario gives, and apart what no method may see."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from click.testing import CliRunner

from rep4ex_bench.cli.main import cli
from rep4ex_bench.errors import OutputFolderError, ParameterError, UsageError
from rep4ex_bench.exported import export_task
from rep4ex_bench.scenarios.linear_action import LinearAction

SCENARIO = LinearAction(k=2, d=2, m=3, n=50, outcome="bump")


def test_the_files_hold_the_task(tmp_path):
    export_task(SCENARIO, 3, tmp_path / "out")
    task = SCENARIO.sample(3)
    train = pd.read_parquet(tmp_path / "out" / "train.parquet")
    assert list(train.columns) == ["a1", "a2", "x1", "x2", "x3", "y"]
    for columns, tensor in (
        (["a1", "a2"], task.train.actions),
        (["x1", "x2", "x3"], task.train.features),
        ("y", task.train.outcome),
    ):
        assert train[columns].to_numpy().tobytes() == tensor.numpy().tobytes()
    queries = pd.read_parquet(tmp_path / "out" / "queries.parquet")
    assert list(queries.columns) == ["a1", "a2"]  # a distance would tell where the support ends
    np.testing.assert_array_equal(queries.to_numpy(), task.queries.actions.astype(np.float32))
    truth = pd.read_parquet(tmp_path / "out" / "truth.parquet")
    np.testing.assert_array_equal(truth["truth"], task.truth.values)
    np.testing.assert_array_equal(truth["distance"], task.queries.distance)
    assert truth["scored"].sum() == truth["path_position"].isna().sum()
    about = json.loads((tmp_path / "out" / "task.json").read_text())
    assert about["data_hash"] == task.train.content_hash()
    assert about["scenario"]["parameters"]["m"] == 3
    assert {file.name for file in (tmp_path / "out").iterdir()} == {
        "train.parquet", "queries.parquet", "truth.parquet", "task.json",
    }  # fmt: skip


class WithMore(LinearAction):
    """Tells more of its units."""

    def sample(self, seed):
        task = super().sample(seed)
        more = replace(
            task.train,
            covariates=torch.arange(2.0 * self.n).reshape(-1, 2),
            environment=torch.arange(self.n) % 3,
        )
        q = len(task.queries.actions)
        asked = replace(
            task.queries,
            covariates=np.zeros((q, 2), np.float32),
            environment=np.zeros(q, np.int64),
            context_features=np.arange(q * 2 * 3, dtype=np.float32).reshape(q, 2, 3),
            context_outcome=np.zeros((q, 2), np.float32),
        )
        return replace(task, train=more, queries=asked)


def test_what_else_is_told_has_columns_too(tmp_path):
    export_task(WithMore(k=1, d=1, m=3, n=40), 0, tmp_path)
    train = pd.read_parquet(tmp_path / "train.parquet")
    assert train["covariates_2"].tolist() == list(np.arange(1.0, 80.0, 2.0))
    assert train["environment"].tolist() == [i % 3 for i in range(40)]
    queries = pd.read_parquet(tmp_path / "queries.parquet")
    assert queries.loc[0, "context_features_2_1"] == 3.0  # the second unit's first feature
    assert queries.loc[1, "context_features_1_3"] == 8.0
    assert "context_outcome_2" in queries.columns


def test_the_command_takes_parameters_and_replaces_only_an_export(tmp_path):
    def run(*words):
        return CliRunner().invoke(cli, ["export", "linear_action", *words])

    out = tmp_path / "out"
    words = ["--seed", "3", "--parameter", "n=50", "--parameter", "outcome=bump", "--out", str(out)]
    done = run(*words, "--parameter", "m=3")
    assert done.exit_code == 0, done.output
    first = (out / "train.parquet").read_bytes()
    assert run(*words, "--parameter", "m=4").exit_code == 0
    assert run(*words, "--parameter", "m=3").exit_code == 0
    assert (out / "train.parquet").read_bytes() == first
    assert isinstance(run(*words, "--parameter", "m=1").exception, ParameterError)
    assert (out / "train.parquet").read_bytes() == first
    wrong = run("--parameter", "n")
    assert isinstance(wrong.exception, UsageError)
    assert "NAME=VALUE" in str(wrong.exception)
    (tmp_path / "letter.txt").write_text("mine")
    with pytest.raises(OutputFolderError, match="holds no export"):
        export_task(SCENARIO, 0, tmp_path)
