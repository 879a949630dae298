"""Whole runs: records, resume, contenders that end their process, the command."""

import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from rep4ex_bench import register_contender, run_kernels
from rep4ex_bench.cli.main import cli
from rep4ex_bench.errors import OutputFolderError, UsageError
from rep4ex_bench.records import provenance
from rep4ex_bench.records.records import read_records, write_table
from rep4ex_bench.speed import protocol, shapes
from rep4ex_bench.speed.contender import CONTENDERS
from rep4ex_bench.speed.protocol import Protocol
from rep4ex_bench.speed.workload import make_workload

sys.path.insert(0, str(Path(__file__).parent))
import dying

SHORT = Protocol(
    rounds=3, fewest_rounds=2, budget_seconds=0.2, shortest_seconds=1e-3, compile_limit_seconds=120
)
SMALL = make_workload("residualize", 60, 2, 3)
LARGER = make_workload("residualize", 80, 2, 3)


@pytest.fixture(autouse=True)
def contenders_that_die():
    mine = [dying.Crashing, dying.Killed, dying.Hanging, dying.Compiling, dying.NotInstalled]
    for contender in mine:
        register_contender(contender)
    yield
    for contender in mine:
        CONTENDERS._registered.pop(contender.name)


@pytest.fixture(autouse=True)
def short(monkeypatch):
    monkeypatch.setitem(protocol.PROTOCOLS, "quick", SHORT)
    monkeypatch.setitem(shapes.SHAPES, "quick", lambda: [SMALL, LARGER])


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A folder of a run of two tiny shapes by the command."""
    folder = tmp_path_factory.mktemp("kernels") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(protocol.PROTOCOLS, "quick", SHORT)
        patch.setitem(shapes.SHAPES, "quick", lambda: [SMALL, LARGER])
        arguments = ["--contender", "qr", "--contender", "naive_torch", "--out", str(folder)]
        done = CliRunner().invoke(cli, ["kernels", "--quick", "--json", *arguments])
    assert done.exit_code == 0, done.output
    return folder, json.loads(done.stdout)


@pytest.fixture
def folder(finished, tmp_path):
    """A copy of that folder: calibrated and finished."""
    return Path(shutil.copytree(finished[0], tmp_path / "run"))


def run(folder, *contenders, work=(SMALL,)):
    return run_kernels(
        folder, shapes="quick", contenders=contenders, work=work, device="cpu", progress=False
    )


def of(records, name, workload=SMALL):
    chosen = records[(records["method"] == name) & (records["scenario_label"] == workload.label)]
    return chosen.set_index("metric")


def test_the_command_leaves_records_of_every_kind(finished):
    folder, printed = finished
    records = read_records(folder / "records.parquet")
    assert set(records["scenario_label"]) == {SMALL.label, LARGER.label, "calibration"}
    assert set(records["suite"]) == {"kernels"}
    assert set(records["hardware"]) == {provenance.processor()}
    for name in ("qr", "naive_torch"):
        rows = of(records, name)
        assert set(rows["role"]) == {"method"}
        assert sorted(rows.loc["process_seconds", "at"]) == [0, 1, 2]
        assert sorted(rows.loc["wall_seconds", "at"]) == [0, 1, 2]
        assert (rows["value"].drop("peak_extra_bytes") > 0).all()
        for metric in ("first_call_seconds", "peak_extra_bytes", "value_error", "gradient_error"):
            assert rows["at"][[metric]].isna().all()
        assert rows["cell_key"].nunique() == 1
        (row,) = [
            row
            for row in printed["contenders"]
            if (row["workload"], row["contender"]) == (SMALL.label, name)
        ]
        assert row["state"] == "ok"
        median = rows.loc["process_seconds", "value"].median()
        assert row["seconds"] == pytest.approx(median)
        assert row["over_floor"] > 1
    assert (folder / "speed.html").stat().st_size > 10_000
    controls = records[records["role"] == "control"]
    assert set(controls["method"]) == {"floor", "drift_reference", "calibration"}
    positions = controls.loc[controls["metric"] == "wall_seconds", "at"]
    assert sorted(positions) == list(range(6))  # three rounds of two workloads
    assert (controls["value"] > 0).all()


def test_finished_workloads_are_not_measured_again(folder):
    before = {file: file.stat().st_mtime_ns for file in folder.glob("workloads/*")}
    (gone,) = [f for f in before if SMALL.label in set(read_records(f)["scenario_label"])]
    kept = read_records(folder / "records.parquet")
    gone.unlink()
    again = run(folder, "qr", "naive_torch", work=(SMALL, LARGER)).records
    for file, time in before.items():
        assert (file.stat().st_mtime_ns == time) == (file != gone)
    assert set(again["cell_key"]) == set(kept["cell_key"])


def test_added_contenders_are_timed_with_those_that_were_there(folder):
    before = read_records(folder / "records.parquet")
    records = run(folder, "lstsq").records
    for name in ("qr", "naive_torch", "lstsq"):
        assert len(of(records, name).loc["wall_seconds"]) == 3
    assert of(records, "qr")["finished_at"].min() >= of(before, "qr")["finished_at"].max()
    assert (
        not of(records, "qr")
        .loc["wall_seconds", "value"]
        .equals(of(before, "qr").loc["wall_seconds", "value"])
    )
    assert of(records, "lstsq", LARGER).empty


def test_who_dies_takes_nobody_along(folder):
    done = run(folder, "crashing", "killed", "not_installed")
    rows = {name: of(done.records, name) for name in ("crashing", "killed", "not_installed", "qr")}
    status = {name: set(found["status"]) for name, found in rows.items()}
    assert status == {
        "crashing": {"failed"}, "killed": {"out_of_memory"}, "not_installed": {"skipped"},
        "qr": {"ok"},
    }  # fmt: skip
    assert "SIGSEGV" in rows["crashing"]["error"].iloc[0]
    assert "pip install" in rows["not_installed"]["error"].iloc[0]
    assert len(rows["qr"].loc["wall_seconds"]) == 3
    assert done.failed == 1


def test_first_calls_are_measured_with_empty_caches_and_once(folder):
    records = run(folder, "compiling", work=(SMALL, LARGER)).records
    first = of(records, "compiling")
    assert first.loc["first_call_seconds", "value"] > 0.5
    assert first.loc["wall_seconds", "value"].median() < 0.5
    # the other workload finds it compiled, and shows what the compilation took
    other = of(records, "compiling", LARGER).loc["first_call_seconds", "value"]
    assert other == first.loc["first_call_seconds", "value"]
    assert not list(folder.glob("compiled/first-call-*"))


def test_a_first_call_that_never_ends_is_given_up(folder, monkeypatch):
    monkeypatch.setitem(protocol.PROTOCOLS, "quick", replace(SHORT, compile_limit_seconds=1))
    hanging = of(run(folder, "hanging").records, "hanging")
    assert set(hanging["status"]) == {"timeout"}
    assert "first call" in hanging["error"].iloc[0]


def test_a_folder_of_another_machine_or_run_is_refused(folder, tmp_path):
    file = folder / "calibration-cpu-float32.parquet"
    table = pq.ParquetFile(file).read()
    index = table.schema.get_field_index("hardware")
    column = ["another machine"] * len(table)
    write_table(table.set_column(index, table.schema.field("hardware"), [column]), file)
    with pytest.raises(UsageError, match="another machine"):
        run(folder, "qr")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "letter.txt").write_text("mine")
    with pytest.raises(OutputFolderError, match="not empty"):
        run(tmp_path / "full", "qr")


def test_requests_that_do_not_fit_run_nothing(tmp_path):
    with pytest.raises(UsageError, match="unknown contender 'qrr'"):
        run(tmp_path / "out", "qrr")
    with pytest.raises(UsageError, match="threads must be an integer of at least 1"):
        run_kernels(tmp_path / "out", threads=0)
    with pytest.raises(UsageError, match="unknown set of shapes"):
        run_kernels(tmp_path / "out", shapes="refernce")
    assert not (tmp_path / "out").exists()
