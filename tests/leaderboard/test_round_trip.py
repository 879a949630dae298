"""Run, submit, verify (identical), tamper with one number, verify (broken, naming the cell)."""

import json
import os
import subprocess
import sys

import pytest

from rep4ex_bench.cli.main import main
from rep4ex_bench.leaderboard.attacks.base import rehashed
from rep4ex_bench.leaderboard.bundle import read_bundle, write_bundle, write_tar
from rep4ex_bench.new.package import new_package
from rep4ex_bench.records.records import read_records


@pytest.fixture
def command(monkeypatch, capsys, tmp_path):
    """Run the command in an empty folder; return exit status and output."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["rep4ex-bench", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capsys.readouterr()
        return ended.value.code or 0, captured.out + captured.err

    return call


SUITE = """\
name = "tiny"
seeds = 2
timeout_seconds = 60
[[scenarios]]
name = "linear_action"
parameters = { n = 100, outcome = "bump" }
[[methods]]
name = "pca"
"""


def test_round_trip(command, tmp_path):
    (tmp_path / "tiny.toml").write_text(SUITE)
    assert command("run", "tiny.toml", "--out", "run", "--workers", "1")[0] == 0
    status, out = command("submit", "run", "--name", "entry", "--licence", "MIT")
    assert status == 0
    (folder,) = (tmp_path / "leaderboard/submissions/entry").iterdir()
    assert folder.name in out

    beacon = ("--beacon", "a value of later", "--workers", "1")
    status, out = command("verify", folder / "bundle", *beacon)
    assert status == 0
    assert out.count("identical ") == 2
    assert out.count("recorded ") == 2
    kept = list((folder / "verified").iterdir())
    assert out.splitlines()[-1] == f"kept: {kept[0]}"
    # anybody can check what was recorded
    status, out = command("verify", folder / "bundle", *beacon, "--sample", "1", "--json")
    found = json.loads(out)
    assert status == 0
    assert [cell["state"] for cell in found["cells"]] == ["identical"] * 3
    assert found["kept"] == str(kept[0])
    (recorded,) = (folder / "verified").iterdir()
    # a file that lies on no board: beside it
    write_tar(read_bundle(folder / "bundle"), tmp_path / "entry.tar")
    status, out = command("verify", "entry.tar", *beacon, "--sample", "1")
    assert status == 0
    (beside,) = (tmp_path / "entry-verification" / "verified").iterdir()
    assert out.splitlines()[-1] == f"kept: {beside.relative_to(tmp_path)}"
    assert (beside / "verification.json").is_file()
    ranked = read_records(recorded / "records.parquet")
    assert sorted(ranked["seed"].unique()) == sorted(found["ranking_seeds"])

    # one number of one prediction, and everything that a careful cheat would make fit to it
    honest = read_bundle(folder / "bundle")
    tampered = tamper_with_one_prediction(honest)
    write_bundle(tampered.manifest, tampered.contents, tmp_path / "tampered")
    status, out = command("verify", "tampered", "--workers", "1")
    assert status == 1
    broken = [line for line in out.splitlines() if line.startswith("broken")]
    assert len(broken) == 1
    assert "linear_action / pca / seed 1" in broken[0]
    assert "identical         linear_action / pca / seed 0" in out


def tamper_with_one_prediction(bundle):
    """Move one prediction, and claim the errors that follow from it."""
    import io

    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    from rep4ex_bench.leaderboard.scoring import bundle_suite, recompute
    from rep4ex_bench.records.records import table_bytes

    cell = bundle_suite(bundle).cells()[1]
    contents = dict(bundle.contents)
    table = pq.read_table(io.BytesIO(contents["predictions.parquet"]))
    rows = table.to_pylist()
    own = [row for row in rows if row["cell_key"] == cell.key]
    own[100]["prediction"] += 0.5
    contents["predictions.parquet"] = table_bytes(pa.Table.from_pylist(rows, schema=table.schema))
    prediction = np.array([row["prediction"] for row in own])
    values = recompute(cell, cell.scenario.sample(cell.seed), prediction)
    new = {(value.metric, repr(value.at)): value.value for value in values}
    table = pq.read_table(io.BytesIO(contents["records.parquet"]))
    rows = table.to_pylist()
    for row in rows:
        if row["cell_key"] == cell.key:
            row["value"] = new.get((row["metric"], repr(row["at"])), row["value"])
    contents["records.parquet"] = table_bytes(pa.Table.from_pylist(rows, schema=table.schema))
    return rehashed(bundle.manifest, contents)


def test_a_package_from_the_template_is_tested_run_submitted_and_verified(tmp_path):
    package = new_package("method", "toy_template", tmp_path)
    # as an installer lays it out
    metadata = tmp_path / "site" / "toy_template-0.1.0.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: toy-template\nVersion: 0.1.0\n"
    )
    (metadata / "top_level.txt").write_text("toy_template\n")
    (metadata / "entry_points.txt").write_text(
        "[rep4ex_bench.methods]\ntoy_template = toy_template.method:ToyTemplate\n"
    )
    paths = os.pathsep.join([str(tmp_path / "site"), str(package)])

    def call(*arguments, path=paths):
        return subprocess.run(
            [sys.executable, *map(str, arguments)],
            env=os.environ | {"PYTHONPATH": path},
            cwd=package,
            capture_output=True,
            text=True,
            check=False,
        )

    tests = call("-m", "pytest", "-q", "-p", "no:cacheprovider", "tests")
    assert tests.returncode == 0, tests.stdout
    assert "30 passed" in tests.stdout
    bench = ("-m", "rep4ex_bench.cli")
    options = ("--out", "run", "--workers", "1", "--method", "toy_template")
    assert call(*bench, "run", "suite.toml", *options).returncode == 0
    done = call(
        *bench, "submit", "run", "--name", "toy", "--method", "toy_template", "--licence", "MIT"
    )
    assert done.returncode == 0, done.stderr
    (folder,) = (package / "leaderboard/submissions/toy").iterdir()
    bundle = read_bundle(folder / "bundle")
    assert set(bundle.source) == {"toy_template/__init__.py", "toy_template/method.py"}
    assert bundle.manifest.source.version == "0.1.0"
    # the host has not got the package: it takes the code from the bundle, in the method's process
    done = call(*bench, "verify", folder / "bundle", "--workers", "1", path="")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("identical ") == 2
