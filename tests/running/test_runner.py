"""The runner: isolation of failures, resume, determinism, refusal of bad output folders."""

import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import pytest

from rep4ex_bench.errors import OutputFolderError, OutputWriteError, UsageError
from rep4ex_bench.records.predictions import read_predictions
from rep4ex_bench.records.records import read_records
from rep4ex_bench.registry import METHODS, get_scenario
from rep4ex_bench.running import runner
from rep4ex_bench.running.run_folder import default_folder
from rep4ex_bench.running.suite import parse_suite

sys.path.insert(0, str(Path(__file__).parents[2] / "tools" / "pages"))
sys.path.insert(0, str(Path(__file__).parent))
from tiny import tiny_suite, with_method

import _faults
from _faults import Faulty, Grouping, Memorising

SUITE = tiny_suite(seeds=2, timeout_seconds=20)


def run_suite(*arguments, workers=1, **options):
    """Run with one worker process unless said otherwise: starting one takes seconds of imports."""
    return runner.run_suite(*arguments, workers=workers, **options)


@pytest.fixture(autouse=True)
def _registered(monkeypatch):
    monkeypatch.setattr(METHODS, "_registered", {})
    METHODS.register(Faulty)
    METHODS.register(Memorising)
    METHODS.register(Grouping)


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """Folder of a run of the suite as it is, by one worker; not to be changed."""
    folder = tmp_path_factory.mktemp("plain")
    return folder, run_suite(parse_suite(SUITE, "t"), folder / "out")


def numbers(records):
    """What must be the same again: everything but how and when it was computed."""
    volatile = ["group_size", "fit_seconds", "predict_seconds", "process_seconds"]
    volatile += ["peak_memory_bytes"]
    return records.drop(columns=[*volatile, "finished_at", "git_commit"])


def test_every_cell_has_its_records_and_predictions(plain):
    folder, run = plain
    assert (run.cells, run.reused, run.failed) == (4, 0, 0)
    assert run.records["cell_key"].nunique() == 4
    assert set(run.records["status"]) == {"ok", "skipped"}
    assert (run.records["threads"] == 1).all()
    assert run.records["peak_memory_bytes"].ge(0).all()
    stored = read_records(folder / "out" / "records.parquet")
    pd.testing.assert_frame_equal(stored, run.records)
    predictions = read_predictions(folder / "out" / "predictions.parquet")
    assert set(predictions["cell_key"]) == set(run.records["cell_key"])
    # the metric in the record is the one of the stored predictions
    scored = predictions[predictions["path_position"].isna() & (predictions["distance"] > 1)]
    for key, rows in scored.groupby("cell_key"):
        expected = ((rows["prediction"] - rows["truth"]) ** 2).mean() / rows["truth"].var(ddof=0)
        of_cell = run.records[run.records["cell_key"] == key].set_index("metric")
        assert of_cell.loc["nmse_outside", "value"] == pytest.approx(expected)


def test_the_same_seeds_give_the_same_records_whatever_the_workers(plain, tmp_path):
    first = plain[1].records
    again = run_suite(parse_suite(SUITE, "t"), tmp_path / "b", workers=2).records
    pd.testing.assert_frame_equal(numbers(first), numbers(again))


def test_adding_a_method_changes_no_other_number(plain, tmp_path):
    before = plain[1].records
    more = SUITE + with_method("pca", latent_dim=2)
    after = run_suite(parse_suite(more, "t"), tmp_path / "b").records
    kept = after[after["method"] != "pca"].reset_index(drop=True)
    assert len(after) > len(kept)
    pd.testing.assert_frame_equal(numbers(before), numbers(kept))


def test_running_again_computes_only_what_is_missing(tmp_path):
    first = run_suite(parse_suite(SUITE, "t"), tmp_path / "out", seeds=1)
    assert (first.cells, first.reused) == (2, 0)
    second = run_suite(parse_suite(SUITE, "t"), tmp_path / "out")
    assert (second.cells, second.reused) == (4, 2)
    third = run_suite(parse_suite(SUITE, "t"), tmp_path / "out")
    assert (third.cells, third.reused) == (4, 4)
    # reused cells were not touched, down to the moment they finished
    pd.testing.assert_frame_equal(second.records, third.records)
    # a part of the suite reports on all that the folder holds
    part = run_suite(parse_suite(SUITE, "t"), tmp_path / "out", methods=["ols_on_actions"])
    assert part.cells == 2
    pd.testing.assert_frame_equal(third.records, part.records)


def test_a_cell_that_fails_fails_alone_and_says_why(tmp_path):
    """For every other fault: `test_limits.py`."""
    suite = parse_suite(SUITE + with_method("faulty", fault="raises"), "t")
    run = run_suite(suite, tmp_path / "out", seeds=1)
    assert (run.cells, run.failed) == (3, 1)
    bad = run.records[run.records["method"] == "faulty"]
    assert list(bad["status"]) == ["failed"]
    assert "RuntimeError: a message with <b>markup</b> (faulty.py:" in bad["error"].iloc[0]
    others = run.records[run.records["method"] != "faulty"]
    assert set(others["status"]) <= {"ok", "skipped"}


def test_predictions_that_are_not_finite_are_failures_of_the_metric(tmp_path):
    suite = parse_suite(SUITE + with_method("faulty", fault="not_finite"), "t")
    run = run_suite(suite, tmp_path / "out", seeds=1)
    bad = run.records[run.records["method"] == "faulty"].set_index("metric")
    assert bad.loc["nmse_outside", "status"] == "failed"
    assert "must be finite" in bad.loc["nmse_outside", "error"]
    assert run.failed == 1


def test_a_cell_over_its_limit_is_ended_with_its_children(tmp_path):
    marker = tmp_path / "left-over"
    suite = SUITE.replace("timeout_seconds = 20", "timeout_seconds = 5")
    suite += with_method("faulty", label="hangs", fault="endless_python")
    suite += with_method("faulty", label="child", fault="waits_with_a_child", marker=str(marker))
    run = run_suite(parse_suite(suite, "t"), tmp_path / "out", seeds=1, workers=2)
    bad = run.records[run.records["method"] == "faulty"]
    assert list(bad["status"]) == ["timeout", "timeout"]
    assert "5 seconds" in bad["error"].iloc[0]
    time.sleep(8.5)
    assert not marker.exists()


def test_methods_get_the_training_data_and_nothing_of_other_cells(tmp_path):
    suite = parse_suite(SUITE + with_method("memorising"), "t")
    run = run_suite(suite, tmp_path / "out", workers=1)
    alone = run_suite(suite, tmp_path / "alone", workers=1, methods=["memorising"])
    together = run.records[run.records["method"] == "memorising"].reset_index(drop=True)
    pd.testing.assert_frame_equal(numbers(together), numbers(alone.records))


def test_bad_output_folders_are_refused_and_left_alone(tmp_path):
    suite = parse_suite(SUITE, "t")
    other = tmp_path / "other"
    other.mkdir()
    (other / "thesis.tex").write_text("precious")
    with pytest.raises(OutputFolderError, match="is not empty and holds no run"):
        run_suite(suite, other)
    assert [p.name for p in other.iterdir()] == ["thesis.tex"]
    with pytest.raises(OutputFolderError, match="is a file"):
        run_suite(suite, other / "thesis.tex")
    run_suite(suite, tmp_path / "out", seeds=1, methods=["constant_mean"])
    before = sorted(p for p in (tmp_path / "out").rglob("*"))
    stranger = parse_suite(SUITE.replace('"tiny"', '"stranger"'), "t")
    with pytest.raises(OutputFolderError, match="belongs to suite 'tiny', not 'stranger'"):
        run_suite(stranger, tmp_path / "out")
    assert sorted(p for p in (tmp_path / "out").rglob("*")) == before
    (tmp_path / "out" / "run.json").write_text("{")
    with pytest.raises(OutputFolderError, match=r"run\.json"):
        run_suite(suite, tmp_path / "out")


def test_bad_requests_write_nothing(tmp_path):
    suite = parse_suite(SUITE, "t")
    for wrong in ({"workers": 0}, {"seeds": 0}, {"methods": ["olss"]}, {"device": "tpu"}):
        with pytest.raises(UsageError):
            run_suite(suite, tmp_path / "out", **wrong)
    assert not (tmp_path / "out").exists()


def test_no_label_leads_out_of_the_runs():
    folder = default_folder("tiny", "../../etc", "/a b\0", "..")
    assert folder.parent == Path("runs")
    assert folder.name == "tiny-.._.._etc-_a b_-.."
    assert default_folder("smoke") == Path("runs/smoke")


def test_a_full_disk_keeps_what_is_finished_and_the_run_goes_on_later(tmp_path):
    """A file-size limit stops writes as a full disk does (EFBIG for ENOSPC)."""
    suite = parse_suite(SUITE, "t")
    run_suite(suite, tmp_path / "out", seeds=1)
    records = (tmp_path / "out" / "records.parquet").read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, hard))
    try:
        with pytest.raises(OutputWriteError, match="Finished cells are kept"):
            run_suite(suite, tmp_path / "out")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert (tmp_path / "out" / "records.parquet").read_bytes() == records
    assert not list((tmp_path / "out").rglob(".*"))  # no temporary file is left
    assert run_suite(suite, tmp_path / "out").failed == 0


def test_a_really_full_disk(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small file system needs root")
    try:
        with pytest.raises(OutputWriteError, match="No space left"):
            run_suite(parse_suite(SUITE, "t"), disk / "out", seeds=5)
    finally:
        subprocess.run(["umount", str(disk)], check=True)


@pytest.mark.parametrize("whom", ["runner", "workers"])
def test_nothing_outlives_who_started_it(tmp_path, whom):
    """Kill the runner or its workers in mid-run: cells and their temporary files go soon after."""
    script = tmp_path / "script.py"
    suite = SUITE + with_method("faulty", fault="endless_python")
    script.write_text(
        f"import sys; sys.path.insert(0, {str(Path(_faults.__file__).parents[1])!r})\n"
        "from _faults import Faulty\n"
        "import rep4ex_bench; rep4ex_bench.register(Faulty)\n"
        "from rep4ex_bench.running.runner import run_suite\n"
        "from rep4ex_bench.running.suite import parse_suite\n"
        f"run_suite(parse_suite({suite!r}, 't'), {str(tmp_path / 'out')!r}, "
        "methods=['faulty'], workers=2)\n"
    )
    scratch = tmp_path / "temporary"
    scratch.mkdir()
    environment = os.environ | {"TMPDIR": str(scratch)}
    runner = subprocess.Popen([sys.executable, str(script)], env=environment)
    try:
        family = []
        deadline = time.monotonic() + 120  # only bounds a hang
        while len(family) < 9 and time.monotonic() < deadline:  # per worker: itself and three
            family = psutil.Process(runner.pid).children(recursive=True)
            time.sleep(0.1)
        assert len(family) == 9  # template; worker, fork server, judge and method, twice
        if whom == "workers":
            (template,) = psutil.Process(runner.pid).children()
            family.remove(template)  # it forks others for the runner
            for worker in template.children():
                worker.kill()
            _, alive = psutil.wait_procs(family, timeout=30)
            assert not alive
            runner.terminate()  # it has started others
    finally:
        runner.kill()
        runner.wait()
    _, alive = psutil.wait_procs(family, timeout=30)
    assert not alive
    deadline = time.monotonic() + 30
    while list(scratch.glob("rep4ex-bench-*")) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not list(scratch.glob("rep4ex-bench-*"))


def test_values_do_not_depend_on_the_order_of_methods(plain, tmp_path):
    turned = parse_suite(
        SUITE.replace("constant_mean", "x")
        .replace("ols_on_actions", "constant_mean")
        .replace('"x"', '"ols_on_actions"'),
        "t",
    )
    first = plain[1].records
    second = run_suite(turned, tmp_path / "b").records
    columns = ["method", "seed", "metric", "at", "value"]
    a = first[columns].sort_values(columns).reset_index(drop=True)
    b = second[columns].sort_values(columns).reset_index(drop=True)
    pd.testing.assert_frame_equal(a, b)
    assert np.isfinite(a.loc[a["metric"] == "nmse_outside", "value"]).all()


def test_grouped_cells_have_the_numbers_that_they_have_alone(tmp_path):
    """Several scenarios of one shape, with and without the penalty, one group or none."""
    more = '[[scenarios]]\nname = "linear_action"\nlabel = "strong"\nparameters = '
    more += '{ n = 200, outcome = "bump", alpha = 2.0 }\n'
    methods = with_method("rep4ex", steps=30, hidden=9)
    methods += with_method("autoencoder", steps=30, hidden=9)
    header, scenario = SUITE.split("[[methods]]", maxsplit=1)[0], more
    suite = parse_suite(header + scenario + methods, "t")
    together = run_suite(suite, tmp_path / "a")
    assert set(together.records["group_size"]) == {4}
    run_suite(suite, tmp_path / "b", seeds=1, scenarios=["strong"], methods=["rep4ex"])
    resumed = run_suite(suite, tmp_path / "b")  # what is missing makes other groups
    assert set(resumed.records["group_size"]) == {1, 3, 4}
    pd.testing.assert_frame_equal(numbers(together.records), numbers(resumed.records))
    apart = run_suite(suite, tmp_path / "c", workers=4)
    assert set(apart.records["group_size"]) == {1}
    pd.testing.assert_frame_equal(numbers(together.records), numbers(apart.records))


@pytest.mark.parametrize("group", ["raises", "exits", "hangs", "lacks"])
def test_a_group_that_ends_badly_is_run_one_by_one(tmp_path, group):
    suite = SUITE.replace("timeout_seconds = 20", "timeout_seconds = 2")
    outcome = get_scenario("linear_action", n=200, outcome="bump").sample(1).train.outcome
    suite += with_method("grouping", group=group, marker=str(float(outcome.sum())))
    run = run_suite(parse_suite(suite, "t"), tmp_path / "out", methods=["grouping"], seeds=3)
    status = run.records.groupby("seed")["status"].first()
    assert list(status) == ["ok", "failed", "ok"]
    assert set(run.records["group_size"]) == {1}
    assert "exit status 3" in run.records.set_index("seed").loc[1, "error"]


def test_a_group_shares_its_time(tmp_path):
    suite = parse_suite(SUITE + with_method("grouping"), "t")
    run = run_suite(suite, tmp_path / "out", methods=["grouping"], seeds=5)
    sizes = run.records.groupby("seed")[["group_size", "fit_seconds"]].first()
    assert list(sizes["group_size"]) == [4, 4, 4, 4, 1]
    assert sizes["fit_seconds"].iloc[:4].nunique() == 1
