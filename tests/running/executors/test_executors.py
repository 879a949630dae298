"""Every executor: the same numbers in any order, failures alone, what is lost is run again."""

import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import pandas as pd
import pytest

from rep4ex_bench.errors import UsageError
from rep4ex_bench.registry import METHODS
from rep4ex_bench.running.executors import choice
from rep4ex_bench.running.executors.local import LocalExecutor
from rep4ex_bench.running.runner import run_suite
from rep4ex_bench.running.suite import parse_suite

# importable by name, so that other machines can load the methods
sys.path.insert(0, str(Path(__file__).parents[3] / "tools" / "pages"))
sys.path.insert(0, str(Path(__file__).parents[1]))
from left_over import left_over, marked_processes
from tiny import tiny_suite, with_method

from _faults import Faulty, LosesItsMachine, Waits

SUITE = tiny_suite(seeds=3, timeout_seconds=60)
RAISES = SUITE + with_method("faulty", fault="raises")
IN_TURN = SUITE.split("[[methods]]", maxsplit=1)[0] + with_method("waits", how="in turn")


@pytest.fixture(autouse=True, scope="module")
def _registered():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(METHODS, "_registered", {})
        METHODS.register(Faulty)
        METHODS.register(LosesItsMachine)
        METHODS.register(Waits)
        yield


@pytest.fixture(scope="module")
def reference(tmp_path_factory, _registered):
    """Records of one local worker, by the suite's text."""
    return {
        text: run_suite(parse_suite(text, "t"), tmp_path_factory.mktemp("one"), workers=1).records
        for text in (RAISES, IN_TURN)
    }


@pytest.fixture(scope="module")
def ray_cluster():
    """A head without places for cells, and two nodes with one each."""
    ray = pytest.importorskip("ray")
    os.environ["RAY_AUTH_MODE"] = "disabled"
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    cluster.first = cluster.add_node(num_cpus=1)
    cluster.add_node(num_cpus=1)
    ray.init(address=cluster.address, log_to_driver=False)
    yield cluster
    ray.shutdown()
    cluster.shutdown()
    os.environ.pop("RAY_AUTH_MODE")


@pytest.fixture(params=["local", "ray", "slurm"])
def executor(request, tmp_path, monkeypatch):
    """The name of an executor that works here; Slurm's jobs are processes of this machine."""
    if request.param == "ray":
        request.getfixturevalue("ray_cluster")
    if request.param == "slurm":
        pytest.importorskip("submitit")
        from rep4ex_bench.running.executors import slurm_cluster

        # one job for each worker: on few cores a job takes seconds to start
        monkeypatch.setattr(slurm_cluster, "_JOBS_PER_WORKER", 1)
        monkeypatch.setattr(
            slurm_cluster,
            "make",
            lambda device, workers, out: slurm_cluster.SlurmExecutor(device, workers, out, "local"),
        )
    return request.param


def numbers(records):
    columns = ["method_label", "seed", "metric", "at", "value", "status", "error", "data_hash"]
    found = records[[*columns, "cell_key"]].sort_values(["cell_key", "metric", "at"])
    return found.reset_index(drop=True)


class Watcher:
    """Counts what it is told."""

    def __init__(self):
        self.started_cells, self.finished_cells, self.total = [], [], 0

    def planned(self, cells, reused):
        self.total = len(cells) + reused

    def started(self, cell):
        self.started_cells.append(cell.key)

    def finished(self, cell, status):
        self.finished_cells.append((cell.key, status))


def test_same_numbers_whatever_the_executor_and_failures_alone(executor, reference, tmp_path):
    suite = parse_suite(RAISES, "t")
    watcher = Watcher()
    run = run_suite(suite, tmp_path / "out", executor=executor, workers=2, watcher=watcher)
    assert (run.cells, run.failed) == (9, 3)
    pd.testing.assert_frame_equal(numbers(run.records), numbers(reference[RAISES]))
    assert sorted(watcher.started_cells) == sorted(key for key, _ in watcher.finished_cells)
    assert len(watcher.started_cells) == watcher.total == 9
    assert sum(status == "failed" for _, status in watcher.finished_cells) == 3
    again = run_suite(suite, tmp_path / "out", executor=executor, workers=2)
    assert again.reused == 9


def test_order_of_arrival_changes_nothing(reference, tmp_path):
    """The first cells take longest, so that they come last."""
    suite = parse_suite(IN_TURN, "t")
    arrived = Watcher()
    run = run_suite(suite, tmp_path / "a", workers=2, watcher=arrived)
    planned = [cell.key for cell in suite.cells()]
    assert [key for key, _ in arrived.finished_cells] != planned
    pd.testing.assert_frame_equal(numbers(run.records), numbers(reference[IN_TURN]))
    assert list(run.records["cell_key"].unique()) == planned


# What Ray and Slurm lose is counted by the same code, and with either a new place takes seconds.
@pytest.mark.parametrize("executor", ["local", "ray"], indirect=True)
def test_what_is_lost_with_its_machine_is_run_again(executor, tmp_path):
    """The first time, a cell ends all that runs it: worker, actor or job."""
    marker = tmp_path / "was here"
    suite = parse_suite(SUITE + with_method("loses_its_machine", marker=str(marker)), "t")
    run = run_suite(suite, tmp_path / "out", executor=executor, workers=1)
    assert marker.exists()
    assert (run.cells, run.failed) == (9, 0)
    assert not run.records.duplicated(["cell_key", "metric", "at"]).any()


@pytest.mark.parametrize("executor", ["local", "slurm"], indirect=True)
def test_a_cell_that_always_takes_its_machine_with_it_fails_alone(executor, tmp_path):
    suite = parse_suite(SUITE + with_method("loses_its_machine", marker=""), "t")
    run = run_suite(suite, tmp_path / "out", executor=executor, workers=1, seeds=1)
    records = run.records.set_index("method")
    assert list(records.loc[["loses_its_machine"], "status"]) == ["failed"]
    error = records.loc[["loses_its_machine"], "error"].iloc[0]
    assert "worker process ended twice" in error or "lost with its worker 3 times" in error
    assert run.failed == 1


def test_a_ray_node_that_is_killed_in_mid_run(ray_cluster, tmp_path):
    suite = parse_suite(
        SUITE.split("[[methods]]", maxsplit=1)[0] + with_method("waits", how="long"), "t"
    )
    watcher = Watcher()

    def kill():
        while not watcher.finished_cells:
            time.sleep(0.1)
        ray_cluster.remove_node(ray_cluster.first, allow_graceful=False)

    killer = threading.Thread(target=kill)
    killer.start()
    run = run_suite(suite, tmp_path / "out", executor="ray", seeds=6, workers=2, watcher=watcher)
    killer.join()
    assert (run.cells, run.failed) == (6, 0)
    assert len(watcher.finished_cells) == 6
    reference = run_suite(suite, tmp_path / "reference", seeds=6, workers=2)
    pd.testing.assert_frame_equal(numbers(run.records), numbers(reference.records))


def test_workers_that_cannot_start_end_the_run(ray_cluster, tmp_path, monkeypatch):
    """As on nodes that lack the package."""
    from rep4ex_bench.running.executors import ray_cluster as engine

    class Broken:
        def __init__(self, device):
            raise ModuleNotFoundError("No module named 'rep4ex_bench'")

        def ready(self):
            pass

    monkeypatch.setattr(engine, "Host", Broken)
    with pytest.raises(UsageError, match="4 workers in a row could not start"):
        run_suite(parse_suite(SUITE, "t"), tmp_path / "out", executor="ray", workers=1)


def test_a_cell_that_no_ray_node_can_hold(ray_cluster, tmp_path):
    suite = parse_suite(
        SUITE.replace("[[scenarios]]", "[resources]\ncpus = 64\n[[scenarios]]"), "t"
    )
    with pytest.raises(UsageError, match="no node of the Ray cluster can hold a cell"):
        run_suite(suite, tmp_path / "out", executor="ray")


@pytest.mark.parametrize(("name", "package"), [("ray", "ray"), ("slurm", "submitit")])
def test_a_missing_extra_is_named(name, package, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(UsageError, match=rf"pip install 'rep4ex-bench\[{name}\]'"):
        run_suite(parse_suite(SUITE, "t"), tmp_path / "out", executor=name)
    assert not (tmp_path / "out").exists()


def test_slurm_is_missing(tmp_path, monkeypatch):
    pytest.importorskip("submitit")
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(UsageError, match="needs sbatch and squeue"):
        run_suite(parse_suite(SUITE, "t"), tmp_path / "out", executor="slurm")


def test_unknown_executor(tmp_path):
    with pytest.raises(UsageError, match="must be one of local, ray, slurm, got 'dask'"):
        run_suite(parse_suite(SUITE, "t"), tmp_path / "out", executor="dask")
    assert isinstance(choice.make_executor("local", "cpu", 1, tmp_path), LocalExecutor)


def test_a_real_slurm_queue(tmp_path):
    pytest.importorskip("submitit")
    if shutil.which("sinfo") is None:
        pytest.skip("no Slurm on this machine")
    up = subprocess.run(["sinfo", "--noheader"], capture_output=True, text=True, check=False)
    if up.returncode or not up.stdout.strip():
        pytest.skip("no Slurm controller answers on this machine")
    suite = parse_suite(SUITE + with_method("loses_its_machine", marker=str(tmp_path / "m")), "t")
    run = run_suite(suite, tmp_path / "out", executor="slurm", workers=2)
    assert (run.cells, run.failed) == (9, 0)
    reference = run_suite(suite, tmp_path / "reference", workers=1)
    pd.testing.assert_frame_equal(numbers(run.records), numbers(reference.records))


def test_workers_leave_no_process_behind(executor, tmp_path):
    mark = str(tmp_path)
    with marked_processes(mark):
        run_suite(parse_suite(SUITE, "t"), tmp_path / "out", executor=executor, workers=1, seeds=1)
        assert executor != "local" or left_over(mark, 0)  # its template
    assert not left_over(mark, 30)
