"""`make gpu-tests` and `make gpu-board`: steps, what is kept of them, and going on."""

import dataclasses
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parents[2] / "tools"))
sys.path.insert(0, str(Path(__file__).parents[1] / "boards" / "speed"))
from made_up import not_timed, timed

import gpu
import gpu_board
import gpu_ledger
import gpu_run
import gpu_tests
from rep4ex_bench.records.records import read_records
from rep4ex_bench.speed.folder import SpeedFolder, workload_file
from rep4ex_bench.speed.workload import make_workload

ROOT = Path(__file__).parents[2]
KERNEL = "def op(x):\n    return x\n"
FAILING = """
def test_passes():
    pass


def test_values_differ(record_property):
    record_property("inputs", "sha256 0123abcd")
    print("route taken: direct")
    ours, reference = [1.0] * 40, [2.0] * 40
    assert ours == reference
"""
PASSING = "def test_one():\n    pass\n"
WORK = [
    make_workload(op, n, d=3, device="cuda") for op in ("mmd2", "energy_distance") for n in (20, 30)
]


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A repository with a kernel and two test files, and a GPU on this machine."""
    files = {
        "kernels/rep4ex_kernels/op.py": KERNEL,
        "rep4ex_bench/speed/measure.py": KERNEL,
        "tests/kernels/conftest.py": "",
        "tests/kernels/test_good.py": PASSING,
        "tests/kernels/triton/check_bad.py": FAILING,
        "tests/kernels/offline/test_gate.py": PASSING,
    }
    root = tmp_path / "repository"
    for name, text in files.items():
        write(root / name, text)
    monkeypatch.setattr(gpu_tests, "TESTS", root / "tests" / "kernels")
    for module in (gpu_tests, gpu_ledger, gpu_run):
        monkeypatch.setattr(module, "ROOT", root)
    monkeypatch.setattr(gpu, "find_obstacle", lambda: "")
    monkeypatch.setattr(gpu, "folder_name", lambda: "some-gpu")
    monkeypatch.setattr(gpu, "device", lambda: {"name": "some GPU"})
    monkeypatch.setattr(gpu_run, "stop_when_asked", lambda: None)
    monkeypatch.setattr(gpu_board, "board_workloads", lambda: WORK)
    gpu_ledger._statements.cache_clear()
    yield root
    gpu_ledger._statements.cache_clear()


def write(file, text):
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    gpu_ledger._statements.cache_clear()


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


@pytest.fixture
def ran(monkeypatch):
    """Names of the steps that are run from now on; of the board, the ops."""
    names, run = [], gpu_run.run

    def counted(command, *rest):
        names.append(command[command.index("--op") + 1] if "--op" in command else command[-1])
        return run(command, *rest)

    monkeypatch.setattr(gpu_run, "run", counted)
    return names


def call(capsys, out, *arguments):
    """Exit status and lines of output."""
    status = gpu.main([*arguments, "--out", str(out), "--jobs", "1"])
    return status, capsys.readouterr().out.splitlines()


def ledger(out, part):
    return json.loads((out / "some-gpu" / f"{part}.json").read_text())


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_without_a_gpu_it_says_so_and_writes_nothing(tmp_path):
    command = [sys.executable, ROOT / "tools" / "gpu.py", "--out", tmp_path / "results"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "expected a CUDA device, found none" in done.stderr
    planned = subprocess.run([*command, "--plan"], capture_output=True, text=True, check=True)
    first, *steps = planned.stdout.splitlines()
    assert first.startswith("no GPU here, these are the steps")
    assert any(line.startswith("gpu-tests  test_mmr") for line in steps)
    assert any(line.startswith("gpu-board  mmr_penalty n=") for line in steps)
    assert not (tmp_path / "results").exists()


def test_every_kernel_test_is_in_one_step():
    """Functions are read from the files, not imported: pytest must find the same."""
    steps = gpu_tests.planned()
    assert len({step.name for step in steps}) == len(steps)
    planned = {(step.file.name, name) for step in steps for name in step.functions}
    files = sorted({str(step.file) for step in steps})
    collect = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider"]
    done = subprocess.run([*collect, *files], capture_output=True, text=True, check=True, cwd=ROOT)
    nodes = [line.split("::") for line in done.stdout.splitlines() if "::" in line]
    found = {(Path(file).name, name.partition("[")[0]) for file, name, *_ in nodes}
    assert planned == found
    left_out = {"test_memory.py", "test_triton.py"}
    known = {file.name for file in (ROOT / "tests" / "kernels").glob("test_*.py")} - left_out
    assert known <= {step.file.name for step in steps}


def test_a_failing_test_leaves_its_whole_message(repository, out, capsys, ran):
    status, lines = call(capsys, out, "tests")
    assert status == 1
    assert lines[0] == "gpu-tests: 2 steps: 2 missing (test_good, triton-check_bad)"
    assert "gpu-tests: 2 steps: 1 passed, 1 failed (triton-check_bad)" in lines
    folder = out / "some-gpu" / "tests"
    for kept in ("triton-check_bad.xml", "failures.md"):
        text = (folder / kept).read_text()
        for found in ("test_values_differ", "route taken: direct", "sha256 0123abcd"):
            assert found in text, kept
        assert text.count("2.0") >= 40, kept  # nothing is cut
    assert "check_bad.py::test_values_differ" in (folder / "failures.md").read_text()
    assert "test_passes" not in (folder / "failures.md").read_text()
    assert {file.name for file in folder.iterdir()} == {
        "failures.md", "test_good.xml", "triton-check_bad.xml",
    }  # fmt: skip
    row = ledger(out, "tests")["triton-check_bad"]
    assert row["counts"] == {"passed": 1, "failed": 1}
    assert row["key"]
    assert json.loads((out / "some-gpu" / "run.json").read_text())["device"] == {"name": "some GPU"}


def test_a_second_call_runs_only_what_failed_or_is_missing(repository, out, capsys, ran):
    call(capsys, out, "tests")
    assert len(ran) == 2
    call(capsys, out, "tests")
    assert [Path(name.partition("::")[0]).name for name in ran[2:]] == ["check_bad.py"]
    bad = repository / "tests" / "kernels" / "triton" / "check_bad.py"
    write(bad, FAILING.replace("[2.0]", "[1.0]"))
    status, lines = call(capsys, out, "tests")
    assert status == 0
    assert lines[0] == "gpu-tests: 2 steps: 1 passed, 1 missing (triton-check_bad)"
    assert "none" in (out / "some-gpu" / "tests" / "failures.md").read_text()
    del ran[:]
    write(bad, '"""Said otherwise."""\n# remarks\n' + bad.read_text())
    assert call(capsys, out, "tests")[0] == 0
    assert ran == []
    write(repository / "kernels" / "rep4ex_kernels" / "op.py", KERNEL.replace("x\n", "-x\n"))
    assert call(capsys, out, "tests")[1][0].endswith("2 missing (test_good, triton-check_bad)")
    assert len(ran) == 2
    call(capsys, out, "tests", "--again")
    assert len(ran) == 4


def test_a_test_that_ends_its_process_is_told(repository, out, capsys):
    crash = "import os\n\n\ndef test_crash():\n    print('before', flush=True)\n    os.abort()\n"
    write(repository / "tests" / "kernels" / "test_good.py", crash)
    status, _ = call(capsys, out, "tests")
    assert status == 1
    text = (out / "some-gpu" / "tests" / "failures.md").read_text()
    assert f"pytest ended with {-signal.SIGABRT}" in text
    assert "test_crash" in text  # of its log
    assert (out / "some-gpu" / "tests" / "test_good.log").exists()


class Clock:
    """A runner whose commands take a given time, and do not end by themselves if that is too much.

    Attributes:
        seconds: that a command takes.
        commands: that were run, each with the seconds it was given.
    """

    def __init__(self, seconds):
        self.seconds, self.commands = seconds, []

    def __call__(self, command, seconds, log, tick=lambda: None):
        self.commands.append((command, seconds))
        log.write_text("said\n")
        needed = self.seconds * sum("::" in part for part in command)
        if needed > seconds:
            return gpu_run.Ended(-signal.SIGKILL, seconds, True)
        (xml,) = (part.partition("=")[2] for part in command if part.startswith("--junitxml="))
        Path(xml).write_text("<testsuite><testcase name='t' classname='c'/></testsuite>")
        return gpu_run.Ended(0, needed, False)


def test_what_takes_too_long_is_run_function_by_function(repository, out, capsys, monkeypatch):
    clock = Clock(seconds=200.0)
    monkeypatch.setattr(gpu_run, "run", clock)
    status, lines = call(capsys, out, "tests")
    assert status == 1
    assert [round(seconds) for _, seconds in clock.commands] == [540, 240]  # alone, and together
    one, other = "triton-check_bad.test_passes", "triton-check_bad.test_values_differ"
    assert lines[-2] == f"gpu-tests: 3 steps: 1 passed, 2 missing ({one}, {other})"
    status, lines = call(capsys, out, "tests")
    assert status == 0
    assert lines[-2] == "gpu-tests: 3 steps: 3 passed"


def test_what_the_end_of_a_piece_stopped_is_missing_and_no_failure(
    repository, out, capsys, monkeypatch
):
    clock = Clock(seconds=100.0)
    monkeypatch.setattr(gpu_run, "run", clock)
    status, lines = call(capsys, out, "tests", "--minutes", "1")
    assert status == 1
    assert lines[-2].endswith("2 missing (test_good, triton-check_bad)")
    assert ledger(out, "tests")["test_good"]["state"] == "stopped"
    del clock.commands[:]
    status, lines = call(capsys, out, "tests", "--minutes", "0.4")
    assert clock.commands == []  # with less than half a minute nothing is begun
    # and a single function that has had all the time of a step has failed
    slow = Clock(seconds=1e4)
    monkeypatch.setattr(gpu_run, "run", slow)
    call(capsys, out, "tests", "--minutes", "9")
    assert ledger(out, "tests")["test_good"]["state"] == "failed"
    assert "stopped after 5" in (out / "some-gpu" / "tests" / "failures.md").read_text()


def records_of(workload, failing=False):
    fields = {
        "scenario": workload.op,
        "scenario_label": workload.label,
        "scenario_parameters": workload.parameters,
        "device": "cuda",
        "hardware": "some GPU",
    }
    found = timed(fields, "naive_torch", [1.0, 1.1, 1.2])
    if failing:
        error = "RuntimeError: no such driver (linalg.py:1)\nthe cause"
        found.append(not_timed(fields, "lstsq", "failed", error))
    return found


def measuring(ops, ended, failing=()):
    """A runner that writes the records of the workloads of its op, as many as `ops` says."""

    def run(command, seconds, log, tick=lambda: None):
        op, folder = (command[command.index(name) + 1] for name in ("--op", "--out"))
        log.write_text("said by the command\n")
        speed = SpeedFolder(Path(folder), "some GPU")
        for workload in [each for each in WORK if each.op == op][: ops.get(op, 0)]:
            speed.write(workload, records_of(workload, workload in failing))
            tick()
        return ended

    return run


def test_the_board_keeps_every_workload_and_goes_on(repository, out, capsys, monkeypatch):
    stopped = gpu_run.Ended(-signal.SIGINT, 60.0, True)
    monkeypatch.setattr(gpu_run, "run", measuring({"mmd2": 1}, stopped, WORK[:1]))
    status, lines = call(capsys, out, "board")
    assert status == 1
    assert lines[0] == "gpu-board: 4 steps: 4 missing (2 of mmd2, 2 of energy_distance)"
    assert lines[-2] == (
        "gpu-board: 4 steps: 1 failed (1 of mmd2), 3 missing (1 of mmd2, 2 of energy_distance)"
    )
    folder = out / "some-gpu" / "board"
    assert set(read_records(folder / "records.parquet")["scenario_label"]) == {WORK[0].label}
    text = (folder / "failures.md").read_text()
    assert "## lstsq: mmd2 n=20" in text
    assert "no such driver" in text
    assert "the cause" in text
    assert any("lstsq: failed: RuntimeError: no such driver" in line for line in lines)
    before = workload_file(folder, WORK[0]).stat().st_mtime_ns
    commands = []
    fine = gpu_run.Ended(0, 9.0, False)

    def rest(command, seconds, log, tick):
        commands.append(command)
        for workload in [w for w in WORK[1:] if w.op in command]:
            SpeedFolder(folder, "some GPU").write(workload, records_of(workload))
        log.write_text("")
        return fine

    monkeypatch.setattr(gpu_run, "run", rest)
    status, lines = call(capsys, out, "board")
    assert status == 1  # a contender failed, and is not measured again
    assert lines[-2] == "gpu-board: 4 steps: 3 passed, 1 failed (1 of mmd2)"
    assert workload_file(folder, WORK[0]).stat().st_mtime_ns == before
    assert [command[command.index("--op") + 1] for command in commands] == [
        "mmd2", "energy_distance",
    ]  # fmt: skip
    assert not list((out / "some-gpu").glob("*.log"))
    del commands[:]
    call(capsys, out, "board")
    assert commands == []


def test_a_board_is_of_one_state_of_the_code(repository, out, capsys, monkeypatch):
    fine = gpu_run.Ended(0, 9.0, False)
    monkeypatch.setattr(gpu_run, "run", measuring({"mmd2": 2, "energy_distance": 2}, fine))
    assert call(capsys, out, "board")[0] == 0
    write(repository / "rep4ex_bench" / "speed" / "measure.py", KERNEL.replace("x\n", "2 * x\n"))
    monkeypatch.setattr(gpu_run, "run", measuring({"mmd2": 1}, fine))
    status, lines = call(capsys, out, "board")
    assert status == 1
    assert lines[0].endswith("4 missing (2 of mmd2, 2 of energy_distance)")
    assert any(line.startswith("4 workloads are measured anew") for line in lines)
    records = read_records(out / "some-gpu" / "board" / "records.parquet")
    assert set(records["scenario_label"]) == {WORK[0].label}


def test_an_op_that_fails_as_a_whole_says_why_and_the_others_go_on(
    repository, out, capsys, monkeypatch
):
    monkeypatch.setattr(gpu_run, "run", measuring({}, gpu_run.Ended(3, 5.0, False)))
    status, lines = call(capsys, out, "board")
    assert status == 1
    text = "\n".join(lines)
    assert "mmd2: ended with 3" in text
    assert "energy_distance: ended with 3" in text
    assert "said by the command" in text
    assert (out / "some-gpu" / "board-mmd2.log").read_text() == "said by the command\n"


def test_both_parts_share_the_time(repository, out, capsys, monkeypatch):
    given = {}
    for part, steps in (("tests", gpu_tests.TestSteps), ("board", gpu_board.BoardSteps)):

        def run(self, left, jobs, part=part):
            given[part] = left()

        monkeypatch.setattr(steps, "run", run)
    status, lines = call(capsys, out, "--minutes", "10")
    assert status == 1
    assert lines[0].startswith("gpu-tests: 2 steps: 2 missing")
    assert "; gpu-board: 4 steps: 4 missing" in lines[0]
    assert given["tests"] == pytest.approx(360, abs=5)
    assert given["board"] == pytest.approx(600, abs=10)  # what the tests left, here all


@pytest.mark.usefixtures("interruptible")
def test_a_command_is_stopped_in_time_and_what_it_wrote_is_kept(tmp_path, monkeypatch):
    # long enough for a machine that has much else to do
    monkeypatch.setattr(gpu_run, "_GRACE_SECONDS", 30.0)
    polite = "import time\ntry:\n    print('begun', flush=True); time.sleep(60)\n"
    polite += "except KeyboardInterrupt:\n    print('written', flush=True)\n"
    ticks = []
    log = tmp_path / "log"
    ended = gpu_run.run([sys.executable, "-c", polite], 3.0, log, lambda: ticks.append(1))
    assert ended.stopped
    assert 3 <= ended.seconds < 33
    assert log.read_text() == "begun\nwritten\n"
    assert ticks
    monkeypatch.setattr(gpu_run, "_GRACE_SECONDS", 0.5)
    stubborn = "import signal, time\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\ntime.sleep(60)"
    start = time.monotonic()
    ended = gpu_run.run([sys.executable, "-c", stubborn], 1.0, log)
    assert (ended.status, ended.stopped) == (-signal.SIGKILL, True)
    assert time.monotonic() - start < 30
    assert gpu_run.run([sys.executable, "-c", "raise SystemExit(5)"], 60.0, log).status == 5


def test_the_commands_exist():
    op = gpu_board.board_workloads()[0].op
    command = gpu_board.command(op, Path("folder"))
    assert set(command[4:]) == {"--device", "cuda", "--op", op, "--out", "folder"}
    done = subprocess.run(
        [*command[:4], "--help"], capture_output=True, text=True, check=True, cwd=ROOT
    )
    for option in ("--device", "--op", "--out"):
        assert option in done.stdout
    made = subprocess.run(
        ["make", "-n", "-o", ".venv/.installed-dev", "gpu", "gpu-tests", "gpu-board"],
        capture_output=True, text=True, check=True, cwd=ROOT,
    )  # fmt: skip
    lines = [line.strip() for line in made.stdout.splitlines() if "tools/gpu.py" in line]
    assert [line.split("tools/gpu.py")[1].strip() for line in lines] == ["", "tests", "board"]


def test_a_row_survives_being_written(tmp_path):
    row = gpu_ledger.Row("key", "passed", "commit", 1.5, {"passed": 3})
    gpu_ledger.Ledger(tmp_path / "ledger.json").write("step", row)
    again = gpu_ledger.Ledger(tmp_path / "ledger.json")
    assert again.row("step") == row
    assert again.state("step", "key") == "passed"
    assert again.state("step", "other") == again.state("another", "key") == "missing"
    again.write("step", dataclasses.replace(row, state="stopped"))
    assert again.state("step", "key") == "missing"
