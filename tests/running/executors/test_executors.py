"""Every executor: the same numbers in any order, failures alone, what is lost is run again."""

import contextlib
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
from left_over import VARIABLE, left_over, marked_processes
from tiny import tiny_suite, with_method

from _faults import Faulty, LosesItsMachine, Waits

SUITE = tiny_suite(seeds=3, timeout_seconds=60)
RAISES = SUITE + with_method("faulty", fault="raises")
# what is in the command lines of what runs cells: of ours and of Ray's actors
RUN_CELLS = ("executors.worker", "ray::Host")
MARK_OF_RAY = f"cluster of {os.getpid()}"
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
    """A head without places for cells, and two nodes with one each; all it starts is marked."""
    ray = pytest.importorskip("ray")
    from ray.cluster_utils import Cluster

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_AUTH_MODE", "disabled")
        patch.setenv(VARIABLE, MARK_OF_RAY)
        cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
        cluster.first = cluster.add_node(num_cpus=1)
        cluster.add_node(num_cpus=1)
        ray.init(address=cluster.address, log_to_driver=False)
        yield cluster
        ray.shutdown()
        cluster.shutdown()


@contextlib.contextmanager
def prepared(request, name):
    """Have an executor work here; Slurm's jobs are processes of this machine."""
    if name == "ray":
        request.getfixturevalue("ray_cluster")
    with pytest.MonkeyPatch.context() as patch:
        if name == "slurm":
            pytest.importorskip("submitit")
            from rep4ex_bench.running.executors import slurm_cluster

            # to start a job takes seconds: one for each worker, and twice if it is lost
            patch.setattr(slurm_cluster, "_JOBS_PER_WORKER", 1)
            patch.setattr(slurm_cluster, "MOST_ATTEMPTS", 2)
            patch.setattr(
                slurm_cluster,
                "make",
                lambda device, workers, out: slurm_cluster.SlurmExecutor(
                    device, workers, out, "local"
                ),
            )
        yield


@pytest.fixture(scope="module", params=["local", "ray", "slurm"])
def finished(request, tmp_path_factory):
    """A run of each executor: the run, what its watcher saw, what ran cells then and is left."""
    name, folder = request.param, tmp_path_factory.mktemp(request.param)
    mark = MARK_OF_RAY if name == "ray" else str(folder)
    watcher, suite = Watcher(mark), parse_suite(RAISES, "t")
    with prepared(request, name):
        with marked_processes(str(folder)):
            run = run_suite(suite, folder / "out", executor=name, workers=2, watcher=watcher)
        left = left_over(mark, 30, RUN_CELLS)
        again = run_suite(suite, folder / "out", executor=name, workers=2)
    return run, watcher, left, again


@pytest.fixture
def executor(request):
    """The name of an executor that works here."""
    with prepared(request, request.param):
        yield request.param


def numbers(records):
    columns = ["method_label", "seed", "metric", "at", "value", "status", "error", "data_hash"]
    found = records[[*columns, "cell_key"]].sort_values(["cell_key", "metric", "at"])
    return found.reset_index(drop=True)


class Watcher:
    """Counts what it is told, and looks once at the marked processes that run cells."""

    def __init__(self, mark=None):
        self.started_cells, self.finished_cells, self.total = [], [], 0
        self.mark, self.at_work = mark, []

    def planned(self, cells, reused):
        self.total = len(cells) + reused

    def started(self, cell):
        self.started_cells.append(cell.key)

    def finished(self, cell, status):
        self.finished_cells.append((cell.key, status))
        if self.mark and not self.at_work:
            self.at_work = left_over(self.mark, 0, RUN_CELLS)


def test_same_numbers_whatever_the_executor_and_failures_alone(finished, reference):
    run, watcher, _, again = finished
    assert (run.cells, run.failed) == (9, 3)
    pd.testing.assert_frame_equal(numbers(run.records), numbers(reference[RAISES]))
    assert sorted(watcher.started_cells) == sorted(key for key, _ in watcher.finished_cells)
    assert len(watcher.started_cells) == watcher.total == 9
    assert sum(status == "failed" for _, status in watcher.finished_cells) == 3
    assert again.reused == 9


def test_workers_leave_no_process_behind(finished):
    _, watcher, left, _ = finished
    assert watcher.at_work
    assert left == []


def test_order_of_arrival_changes_nothing(reference, tmp_path):
    """The first cells take longest, so that they come last."""
    suite = parse_suite(IN_TURN, "t")
    arrived = Watcher()
    run = run_suite(suite, tmp_path / "a", workers=2, watcher=arrived)
    planned = [cell.key for cell in suite.cells()]
    assert [key for key, _ in arrived.finished_cells] != planned
    pd.testing.assert_frame_equal(numbers(run.records), numbers(reference[IN_TURN]))
    assert list(run.records["cell_key"].unique()) == planned


def test_what_is_lost_with_its_worker_is_run_again(tmp_path):
    """The first time, a cell ends all that runs it."""
    marker = tmp_path / "was here"
    suite = parse_suite(SUITE + with_method("loses_its_machine", marker=str(marker)), "t")
    run = run_suite(suite, tmp_path / "out", workers=1)
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
    assert "worker process ended twice" in error or "lost with its worker 2 times" in error
    assert run.failed == 1


def test_what_ray_loses_is_run_again(ray_cluster, tmp_path):
    """A node, in mid run, and on the other one the actor of a cell that ends all that runs it."""
    marker = tmp_path / "was here"
    suite = parse_suite(
        SUITE.split("[[methods]]", maxsplit=1)[0]
        + with_method("waits", how="long")
        + with_method("loses_its_machine", marker=str(marker)),
        "t",
    )
    watcher = Watcher()

    def kill():
        while not watcher.finished_cells:
            time.sleep(0.1)
        ray_cluster.remove_node(ray_cluster.first, allow_graceful=False)

    killer = threading.Thread(target=kill)
    killer.start()
    run = run_suite(suite, tmp_path / "out", executor="ray", workers=2, watcher=watcher)
    killer.join()
    assert marker.exists()
    assert (run.cells, run.failed) == (6, 0)
    assert len(watcher.finished_cells) == 6
    reference = run_suite(suite, tmp_path / "reference", workers=2)
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
