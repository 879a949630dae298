"""Whatever a method does, it ends as one failed record; the cells beside it have their numbers."""

import re
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from rep4ex_bench.errors import OutputFolderError, SuiteError, UsageError
from rep4ex_bench.registry import METHODS
from rep4ex_bench.running.isolation.limits import limit_memory
from rep4ex_bench.running.runner import run_suite
from rep4ex_bench.running.suite import parse_suite

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[2] / "tools" / "pages"))
from left_over import left_over, marked_processes

from _faults import Faulty

SUITE = """\
name = "tiny"
seeds = 1
timeout_seconds = 6
[resources]
memory_gigabytes = 0.5
[[scenarios]]
name = "linear_action"
parameters = { n = 200, outcome = "bump" }
[[methods]]
name = "ols_on_actions"
"""


@pytest.fixture(autouse=True)
def _registered(monkeypatch):
    monkeypatch.setattr(METHODS, "_registered", {})
    METHODS.register(Faulty)


def suite_with(*faults, marker="", seconds=60):
    text = SUITE.replace("timeout_seconds = 6", f"timeout_seconds = {seconds}")
    for fault in faults:
        text += f'[[methods]]\nname = "faulty"\nlabel = "{fault}"\n'
        text += f'parameters = {{ fault = "{fault}", marker = "{marker}" }}\n'
    return parse_suite(text, "t")


EXPECTED = {
    "raises": ("failed", "RuntimeError: a message with <b>markup</b>"),
    "raises_what_cannot_be_stored": ("failed", r"half a character: \ud800"),
    "raises_what_cannot_be_said": ("failed", "its message cannot be had: ValueError"),
    "raises_a_long_story": ("failed", "characters more)"),
    "raises_that_memory_is_short": ("out_of_memory", "no room"),
    "not_finite": ("failed", "must be finite"),
    "wrong_shape": ("failed", "must return shape"),
    "leaves": ("failed", "exit status 3"),
    "segmentation_fault": ("failed", "SIGSEGV"),
    "kills_itself": ("failed", "SIGKILL"),
    "kills_its_parent": ("failed", "the process that starts methods was ended"),
    "endless_holding_the_lock": ("timeout", "over the time limit of 6 seconds"),
    "ignores_signals": ("timeout", "over the time limit of 6 seconds"),
    "allocates_at_once": ("out_of_memory", "(memory limit 0.5 GiB)"),
    "allocates_at_once_in_torch": ("out_of_memory", "(memory limit 0.5 GiB)"),
    "allocates_slowly": ("out_of_memory", "memory limit"),
    "children_allocate": ("out_of_memory", "over the memory limit of 0.5 GiB: "),
    "fork_bomb": ("failed", "over the limit of 200 processes"),
    "prints_a_gigabyte": ("ok", ""),
}


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    """Records of all faults beside two honest methods; those that no limit but time ends apart."""
    folder = tmp_path_factory.mktemp("faults")
    ended_by_time = [fault for fault, (status, _) in EXPECTED.items() if status == "timeout"]
    others = [fault for fault in EXPECTED if fault not in ended_by_time]
    found = {}
    with pytest.MonkeyPatch.context() as patch, marked_processes(str(folder)):
        patch.setattr(METHODS, "_registered", {"faulty": Faulty})
        for name, faults, seconds in (("time", ended_by_time, 6), ("others", others, 60)):
            suite = suite_with(*faults, "nothing", seconds=seconds)
            run = run_suite(suite, folder / name, workers=2)
            found[name] = run.records.set_index("method_label")
    # the worker itself ends with its runner
    return found, left_over(str(folder), 0.1)


@pytest.mark.parametrize("fault", EXPECTED)
def test_a_fault_is_one_failed_record(records, fault):
    status, message = EXPECTED[fault]
    own = records[0]["time" if status == "timeout" else "others"].loc[[fault]]
    assert set(own["status"]) - {"skipped"} == {status}
    assert message in own["error"].iloc[0]


def test_what_ran_beside_the_faults_has_its_numbers_and_nothing_is_left(records):
    found, left = records
    for run in found.values():
        for honest in ("ols_on_actions", "nothing"):
            assert set(run.loc[[honest], "status"]) <= {"ok", "skipped"}
    assert left == []


def test_a_child_in_a_session_of_its_own_does_not_outlive_the_cell(tmp_path):
    marker = tmp_path / "left-over"
    run = run_suite(suite_with("leaves_a_child", marker=str(marker)), tmp_path / "out", workers=1)
    assert run.failed == 0
    time.sleep(5)
    assert not marker.exists()


def test_a_method_that_fills_the_disk(tmp_path, monkeypatch):
    """On a small file system for temporary files; that of the records is another."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=200m", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small file system needs root")
    monkeypatch.setenv("TMPDIR", str(disk))
    try:
        suite = suite_with("fills_the_disk", "nothing", seconds=300)
        run = run_suite(suite, tmp_path / "out", workers=2, seeds=3)
        assert not list(disk.rglob("filler*"))  # what it wrote is gone
    finally:
        subprocess.run(["umount", str(disk)], check=True)
    records = run.records.set_index("method_label")
    assert list(records.loc[["fills_the_disk"], "status"]) == ["failed"] * 3
    assert "the disk of temporary files is full" in records.loc[["fills_the_disk"], "error"].iloc[0]
    # those beside it, too, were on the full disk
    assert set(records.loc[["nothing", "ols_on_actions"], "status"]) <= {"ok", "skipped"}


def test_the_limit_leaves_room_up_to_itself():
    code = (
        "import numpy as np\n"
        "from rep4ex_bench.running.isolation.limits import limit_memory\n"
        "limit_memory(400 << 20)\n"
        "np.ones(30 << 20)\n"
        "try:\n    np.ones(60 << 20)\nexcept MemoryError:\n    print('refused')\n"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "refused\n"
    assert limit_memory.__doc__


def test_the_limit_of_the_command_line_goes_before_the_suites(tmp_path):
    suite = suite_with("allocates_slowly")
    run = run_suite(suite, tmp_path / "out", workers=1, memory_gigabytes=0.25)
    bad = run.records[run.records["method_label"] == "allocates_slowly"]
    # Which words it gets depends on who sees it first: the operating system's refusal or the watch.
    assert re.search(r"memory limit (of )?0\.25 GiB", bad["error"].iloc[0])
    with pytest.raises(UsageError, match="memory limit must be above 0"):
        run_suite(suite, tmp_path / "other", memory_gigabytes=0.0)
    assert not (tmp_path / "other").exists()


def test_resources_are_no_part_of_a_cells_key():
    plain = parse_suite(SUITE.replace("[resources]\nmemory_gigabytes = 0.5\n", ""), "t")
    assert [c.key for c in plain.cells()] == [c.key for c in parse_suite(SUITE, "t").cells()]
    assert plain.cells()[0].resources.memory_bytes is None
    for wrong in ("memory_gigabytes = -1", 'cpus = "2"', "gpu = 1"):
        with pytest.raises(SuiteError, match="resources"):
            parse_suite(SUITE.replace("memory_gigabytes = 0.5", wrong), "t")


def test_more_gpus_than_there_are_is_refused_before_anything_runs(tmp_path, monkeypatch):
    suite = parse_suite(SUITE.replace("memory_gigabytes = 0.5", "gpus = 3"), "t")
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    with pytest.raises(UsageError, match=r"reserves 3 GPU\(s\).*torch sees 2 on this machine"):
        run_suite(suite, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_second_runner_on_the_folder_is_refused_and_the_first_goes_on(tmp_path):
    suite, found = suite_with("endless_python", seconds=6), {}
    first = threading.Thread(
        target=lambda: found.update(run=run_suite(suite, tmp_path / "out", workers=1))
    )
    first.start()
    while not (tmp_path / "out" / "suite.toml").exists():
        time.sleep(0.05)
    with pytest.raises(OutputFolderError, match="another run is writing to"):
        run_suite(suite, tmp_path / "out", workers=1)
    first.join()
    assert found["run"].cells == 2
    assert run_suite(suite, tmp_path / "out", workers=1).reused == 2
