"""Processes of a run: how many there are, what they share, and that none takes others along."""

import os
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from rep4ex_bench.speed import bench as bench_module
from rep4ex_bench.speed import caches as caches_module
from rep4ex_bench.speed import compile_ahead as ahead_module
from rep4ex_bench.speed import measure as measure_module
from rep4ex_bench.speed import sources
from rep4ex_bench.speed.bench import Bench
from rep4ex_bench.speed.caches import Caches, shared_folder
from rep4ex_bench.speed.children import Child
from rep4ex_bench.speed.compile_ahead import compile_ahead
from rep4ex_bench.speed.contenders.least_squares import QR
from rep4ex_bench.speed.in_child import compile_in_turn, serve
from rep4ex_bench.speed.measuring import Request, _caches
from rep4ex_bench.speed.protocol import PROTOCOLS, Protocol
from rep4ex_bench.speed.rows import RunFacts, _rules
from rep4ex_bench.speed.workload import make_workload

sys.path.insert(0, str(Path(__file__).parent))
import dying

PROTOCOL = Protocol(
    rounds=3, fewest_rounds=2, budget_seconds=0.2, shortest_seconds=1e-3, cold_start=False
)
WORK = [make_workload("residualize", n, 2, 3) for n in (60, 70, 80)]


class SlowToCompile(dying.Compiling):
    """With empty caches a workload is compiled, once the others of `WORK` are being compiled."""

    name = "slow_to_compile"

    def prepare(self, workload, *constants):
        caches = Path(os.environ["TRITON_CACHE_DIR"])
        if not (caches / f"{workload.n}").exists():
            (caches / f"begun-{workload.n}").write_text("")
            end = time.monotonic() + 60
            while len(list(caches.glob("begun-*"))) < len(WORK) and time.monotonic() < end:
                time.sleep(0.02)
            if time.monotonic() < end:
                (caches / f"{workload.n}").write_text(str(os.getpid()))
        return QR.prepare(self, workload, *constants)

    def compilation(self, workload):
        return f"n={workload.n}"


class Compiled(dying.Compiling):
    """Compiles at once."""

    name = "compiled"

    def prepare(self, workload, *constants):
        Path(os.environ["TRITON_CACHE_DIR"], f"{workload.n}-{os.getpid()}").write_text("")
        return QR.prepare(self, workload, *constants)


@pytest.fixture
def children(monkeypatch):
    """The `main` of every child that is started from now on."""
    started = []

    class Counted(Child):
        def __init__(self, log, environment, main, *arguments):
            started.append(main)
            super().__init__(log, environment, main, *arguments)

    monkeypatch.setattr(bench_module, "Child", Counted)
    monkeypatch.setattr(ahead_module, "Child", Counted)
    return started


@pytest.fixture
def many_cores(monkeypatch):
    monkeypatch.setattr(ahead_module, "_most_at_once", lambda: 8)
    monkeypatch.setattr(ahead_module, "compile_rates", compile_nothing)


def compile_nothing(connection):
    """In place of the rates of a GPU, which is not here."""
    connection.send(None)


def made(tmp_path, *contenders, protocol=PROTOCOL):
    by_name = {contender.name: contender for contender in (QR(), *contenders)}
    return Bench(by_name, protocol, 0, Caches(tmp_path / "compiled"), tmp_path / "log")


def test_one_child_measures_all_workloads_and_no_first_call_has_one_of_its_own(tmp_path, children):
    bench = made(tmp_path, Compiled())
    for workload in WORK:
        measured = bench.measure(workload, ["qr", "compiled"])
        assert {outcome.status for outcome in measured.outcomes} == {"ok"}
    bench.close()
    assert children == [serve]
    cache = Path(Caches(tmp_path / "compiled").environment()["TRITON_CACHE_DIR"])
    assert len({file.name.partition("-")[2] for file in cache.iterdir()}) == 1


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_a_gpu_is_woken_in_one_process_for_rates_and_workloads(tmp_path, children, monkeypatch):
    """The rates come from the child that measures; here it has no GPU to answer with."""
    bench = made(tmp_path)
    with pytest.raises(RuntimeError, match="could not be calibrated"):
        bench.rates("cuda", "float32")
    assert children == [serve]
    # that child is gone, and the next workload has a new one
    assert bench.measure(WORK[0], ["qr"]).outcomes[0].status == "ok"
    bench.close()
    assert children == [serve, serve]


def test_workloads_are_compiled_at_the_same_time_into_shared_caches(tmp_path, children, many_cores):
    contender, caches = SlowToCompile(), Caches(tmp_path / "compiled")
    tasks = [(workload, [QR(), contender]) for workload in WORK]
    processes = compile_ahead(tasks, 0, caches.environment(), tmp_path / "log", 120.0)
    assert processes == 1 + len(WORK)
    assert children == [compile_nothing, *[compile_in_turn] * len(WORK)]
    cache = Path(caches.environment()["TRITON_CACHE_DIR"])
    by = {(cache / f"{workload.n}").read_text() for workload in WORK}
    assert len(by) == len(WORK)  # one process each, and all at once
    bench = made(tmp_path, contender)
    for workload in WORK:
        assert bench.measure(workload, ["slow_to_compile"]).outcomes[0].status == "ok"
    bench.close()
    found = {(cache / f"{workload.n}").read_text() for workload in WORK}
    assert found == by  # nothing was compiled again


def test_compiling_ahead_is_given_up_in_time_and_takes_nobody_along(tmp_path, many_cores):
    caches = Caches(tmp_path / "compiled")
    killed = dying.Killed()
    killed.compilation = lambda workload: "killed"
    crowd = [dying.Hanging(), killed, Compiled()]
    tasks = [(workload, [contender]) for workload, contender in zip(WORK, crowd, strict=True)]
    start = time.monotonic()
    compile_ahead(tasks, 0, caches.environment(), tmp_path / "log", 10.0)
    assert time.monotonic() - start < 25
    assert list(Path(caches.environment()["TRITON_CACHE_DIR"]).iterdir())


def test_only_a_gpu_is_compiled_for_ahead_and_only_where_the_protocol_says_so(
    tmp_path, children, many_cores
):
    ahead = replace(PROTOCOL, compile_ahead_seconds=30.0)
    bench = made(tmp_path, Compiled(), SlowToCompile(), protocol=ahead)
    on_cpu = [(workload, ["qr", "slow_to_compile"]) for workload in WORK]
    assert bench.compile_ahead(on_cpu) == 0
    on_gpu = [(workload.on("cuda"), names) for workload, names in on_cpu]
    assert made(tmp_path, SlowToCompile()).compile_ahead(on_gpu) == 0
    assert children == []
    (workload, _), *_ = on_gpu
    assert bench.compile_ahead([(workload, ["qr", "compiled"])]) == 2
    assert children == [serve, compile_nothing, compile_in_turn]
    bench.close()


def test_who_loses_the_device_takes_nobody_along(tmp_path, children, monkeypatch):
    def works(device):
        return dying.LosingTheDevice.lost_in != os.getpid()

    monkeypatch.setattr(measure_module, "device_works", works)
    bench = made(tmp_path, dying.LosingTheDevice(), dying.Sleeping())
    measured = bench.measure(WORK[0], ["losing_the_device", "qr", "sleeping"])
    bench.close()
    found = {outcome.contender: outcome for outcome in measured.outcomes}
    assert {name: outcome.status for name, outcome in found.items()} == {
        "losing_the_device": "failed", "qr": "ok", "sleeping": "ok",
    }  # fmt: skip
    assert "illegal memory access" in found["losing_the_device"].error
    assert "dying.py:" in found["losing_the_device"].error
    assert len(found["qr"].timings) == 3
    assert children == [serve, serve]


def test_a_failure_that_leaves_the_device_usable_costs_no_second_process(tmp_path, children):
    bench = made(tmp_path, dying.LosingTheDevice())
    measured = bench.measure(WORK[0], ["losing_the_device", "qr"])
    bench.close()
    assert [outcome.status for outcome in measured.outcomes] == ["failed", "ok"]
    assert children == [serve]


def test_rounds_end_when_the_clock_says_so_for_all_alike(tmp_path):
    limited = replace(PROTOCOL, rounds=40, fewest_rounds=2, rounds_seconds=0.3)
    bench = made(tmp_path, dying.Sleeping(), protocol=limited)
    measured = bench.measure(WORK[0], ["qr", "sleeping"])
    bench.close()
    counts = [len(outcome.timings) for outcome in measured.outcomes]
    assert counts[0] == counts[1] == len(measured.drift)
    assert 2 <= counts[0] < 40
    at_once = replace(limited, rounds_seconds=0.0)
    bench = made(tmp_path, dying.Sleeping(), protocol=at_once)
    few = bench.measure(WORK[0], ["qr", "sleeping"])
    bench.close()
    assert [len(outcome.timings) for outcome in few.outcomes] == [2, 2]


def test_quick_runs_share_caches_that_follow_the_code(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "user"))

    def folders(name):
        request = Request((), {}, (), False, RunFacts(0, 1, PROTOCOLS[name], "x"), tmp_path / name)
        return _caches(request).environment()

    quick, again = folders("quick"), folders("quick")
    assert quick == again
    assert all(Path(value).is_relative_to(tmp_path / "user") for value in quick.values())
    own = folders("reference")
    assert all(Path(value).is_relative_to(tmp_path / "reference") for value in own.values())
    before = shared_folder()
    monkeypatch.setattr(caches_module, "sources_hash", lambda: "other code")
    assert shared_folder() != before
    assert before.exists()
    long_ago = time.time() - 1e7
    os.utime(before, (long_ago, long_ago))
    shared_folder()
    assert not before.exists()


def test_without_a_home_caches_are_the_runs_own(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert shared_folder() is None


def test_the_sources_are_those_of_the_kernels_and_of_the_measuring(tmp_path, monkeypatch):
    (tmp_path / "op.py").write_text("x = 1\n")
    monkeypatch.setattr(sources, "package_folder", lambda package: tmp_path)
    before = sources.sources_hash()
    assert sources.sources_hash() == before
    (tmp_path / "op.py").write_text("x = 2\n")
    assert sources.sources_hash() != before
    monkeypatch.undo()
    with pytest.raises(ModuleNotFoundError):
        sources.package_folder("no_such_package_at_all")


def test_a_limit_that_is_not_set_is_in_no_key():
    """Records that were made before there was such a limit are still finished."""
    unlimited = _rules(RunFacts(0, 1, PROTOCOLS["reference"], "x"))[-1]
    assert set(unlimited) == {
        "rounds", "fewest_rounds", "budget_seconds", "shortest_seconds", "most_calls",
        "call_limit_seconds", "checked_pairs", "checked_pairs_of_a_call", "cold_start",
        "compile_limit_seconds", "compiles_for_long",
    }  # fmt: skip
    assert "rounds_seconds" in _rules(RunFacts(0, 1, PROTOCOLS["quick"], "x"))[-1]
