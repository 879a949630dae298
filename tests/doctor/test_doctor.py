"""`doctor`: a sound machine has no problem; what is broken on purpose is found and named."""

import json
from collections import namedtuple
from importlib import metadata

import pytest
import torch
from click.testing import CliRunner

from rep4ex_bench.cli.main import cli
from rep4ex_bench.doctor import examine as examining
from rep4ex_bench.doctor import machine
from rep4ex_bench.doctor.examine import problems
from rep4ex_bench.doctor.kernels import LOSSES, check_dispatch, check_numbers
from rep4ex_bench.doctor.packages import check_packages
from rep4ex_kernels import _dispatch


def with_version(name, version):
    """Versions as installed, but one of another number, or of none."""

    def version_of(package):
        if package != name:
            return metadata.version(package)
        if version is None:
            raise metadata.PackageNotFoundError(package)
        return version

    return version_of


def named(findings, name):
    (found,) = [finding for finding in findings if finding.name == name]
    return found


def test_this_machine_can_do_what_is_promised():
    found = [*check_packages(), *check_dispatch(), *check_numbers()]
    assert problems(found) == []
    assert {"torch", "numpy", "scipy"} <= {finding.name for finding in found}


def test_a_version_outside_its_range_is_a_problem():
    found = named(check_packages(with_version("pandas", "1.0.0")), "pandas")
    assert found.state == "problem"
    assert "1.0.0" in found.text
    assert "pandas" in found.remedy


def test_a_missing_requirement_is_a_problem_and_a_missing_extra_is_not():
    found = named(check_packages(with_version("scipy", None)), "scipy")
    assert (found.state, found.text) == ("problem", "not installed")
    extra = named(check_packages(with_version("numba", None)), "numba")
    assert extra.state == "absent"
    assert extra.remedy == "pip install 'rep4ex-bench[numba]'"
    broken = named(check_packages(with_version("numba", "0.1")), "numba")
    assert broken.state == "problem"


@pytest.mark.parametrize("part", ["value", "gradient"])
def test_a_kernel_that_gives_wrong_numbers_is_found(part):
    def wrong(x, y, backend):
        value = LOSSES["energy"](x, y, backend)
        if backend == "reference":
            return value
        extra = 1e-3 * value.detach() if part == "value" else 1e-3 * (x - x.detach()).sum()
        return value + extra

    found = named(check_numbers({"energy": wrong}), "energy cpu")
    assert found.state == "problem"
    assert "allowed is" in found.text


def test_a_kernel_that_raises_is_found():
    def raising(x, y, backend):
        raise ImportError("the compiled library is gone")

    (found,) = check_numbers({"mmr": raising})
    assert found.state == "problem"
    assert "the compiled library is gone" in found.text


def test_reasons_are_those_of_the_dispatch(monkeypatch):
    chosen, reasons = _dispatch.explained("mmr", torch.device("cpu"), torch.float32, 99)
    assert chosen == _dispatch.choose_backend("mmr", "auto", torch.device("cpu"), torch.float32, 99)
    assert "beyond 96 columns" in reasons["numba"]
    monkeypatch.setattr(_dispatch, "_installed", lambda module: False)
    assert "numba is not installed" in named(check_dispatch(), "mmr float32 cpu").text


def test_a_full_disk_is_a_problem(monkeypatch, tmp_path):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(machine.shutil, "disk_usage", lambda place: usage(10, 10, 0))
    found = named(machine.check_machine(tmp_path / "not" / "yet"), "disk")
    assert found.state == "problem"


def test_the_exit_status_says_whether_anything_is_wrong(monkeypatch):
    runner = CliRunner()
    done = runner.invoke(cli, ["doctor", "--json"])
    assert done.exit_code == 0
    assert {entry["area"] for entry in json.loads(done.output)} >= {"machine", "self-check"}
    monkeypatch.setattr(
        examining, "check_packages", lambda: check_packages(with_version("torch", "1.0"))
    )
    done = runner.invoke(cli, ["doctor"])
    assert done.exit_code == 1
    assert "1 problem" in done.output
    assert "pip install 'torch" in done.output
