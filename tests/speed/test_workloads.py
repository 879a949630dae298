"""Workloads and their inputs; which contenders run where, and why others do not."""

import json

import pytest
import torch

from rep4ex_bench import register_contender
from rep4ex_bench.errors import UnknownNameError, UsageError
from rep4ex_bench.speed.contender import CONTENDERS, Contender
from rep4ex_bench.speed.inputs import make_constants, make_inputs
from rep4ex_bench.speed.ops import OPS
from rep4ex_bench.speed.plan import load_contenders, plan
from rep4ex_bench.speed.protocol import PROTOCOLS
from rep4ex_bench.speed.rows import RunFacts
from rep4ex_bench.speed.shapes import SHAPES, workloads
from rep4ex_bench.speed.workload import FORWARD, make_workload

FACTS = RunFacts(0, 1, PROTOCOLS["reference"])
WORKLOAD = make_workload("mmr_penalty", 64, 2, 3)


@pytest.mark.parametrize("shapes", SHAPES)
def test_sets_cover_every_op_and_labels_are_unique(shapes):
    found = workloads(shapes, "cpu")
    assert {workload.op for workload in found} == set(OPS)
    assert len({workload.label for workload in found}) == len(found)
    assert {workload.device for workload in workloads(shapes, "cuda", ["hsic"])} == {"cuda"}


def test_the_reference_set_has_the_breadth_it_promises():
    found = workloads("reference", "cpu")
    assert {workload.n for workload in found} >= {256, 65536}
    assert {workload.k for workload in found} >= {1, 32}
    assert {workload.d for workload in found} >= {2, 64}
    assert {workload.batch for workload in found} >= {1, 400}
    assert {workload.dtype for workload in found} == {"float32", "float64"}
    for op in OPS:
        assert {w.direction for w in found if w.op == op} >= {"forward+backward"}


def test_parameters_are_those_of_the_records():
    found = json.loads(make_workload("mmd2", 10, d=5, bandwidths=(1.0, 2.0)).parameters)
    assert found == {
        "op": "mmd2", "n": 10, "k": 0, "d": 5, "batch": 1, "dtype": "float32",
        "direction": "forward+backward", "device": "cpu", "bandwidths": [1.0, 2.0], "pairs": 600,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("mmr", 10, 1, 1), "unknown op 'mmr'"),
        (("mmr_penalty", 3, 2, 1), "n must be at least 4, got 3"),
        (("mmr_penalty", 10, 0, 1), "k must be at least 1"),
        (("mmd2", 10, 0, 0), "d must be at least 1"),
    ],
)
def test_a_bad_workload_is_refused(arguments, message):
    with pytest.raises(UsageError, match=message):
        make_workload(*arguments, bandwidths=(1.0,))
    with pytest.raises(UsageError, match="bandwidths must be 2 numbers above 0"):
        make_workload("hsic", 10, 1, 1, bandwidths=(1.0,))


@pytest.mark.parametrize("op", OPS)
def test_every_call_has_inputs_of_its_own_and_a_value_of_its_own(op):
    from rep4ex_bench.speed.reference import reference

    workload = make_workload(op, 40, 2 if OPS[op].has_actions else 0, 3, direction=FORWARD)
    constants = make_constants(workload, 0)
    calls = [make_inputs(workload, constants, 0, round_, 0) for round_ in range(3)]
    assert len(calls[0]) == len(OPS[op].inputs)
    again = make_inputs(workload, constants, 0, 1, 0)
    assert all(torch.equal(a, b) for a, b in zip(calls[1], again, strict=True))
    for a, b in zip(calls[0], calls[1], strict=True):
        assert not torch.equal(a, b)
    values = [reference(workload, constants, call)[0] for call in calls]
    for a, b in ((0, 1), (0, 2), (1, 2)):  # ten times what counts as the same result
        assert float((values[a] - values[b]).norm() / values[a].norm()) > 1e-3


class Toy(Contender):
    name = "toy"
    requires = ("no-such-distribution",)
    install = "toy[all]"

    def prepare(self, workload, *constants):
        raise NotImplementedError


@pytest.fixture
def toy():
    register_contender(Toy)
    yield Toy
    CONTENDERS._registered.pop("toy")


def entries(workload=WORKLOAD, named=(), facts=FACTS):
    found = plan(workload, load_contenders(named), named, facts)
    return {entry.contender.name: entry for entry in found}


def test_a_missing_package_is_a_reason(toy):
    reason = entries()["toy"].reason
    assert reason == "no-such-distribution not installed; pip install 'toy[all]'"


def test_what_is_not_offered_is_a_reason():
    assert entries()["qr"].reason == "does not offer op mmr_penalty"
    found = entries(make_workload("hsic", 64, 2, 3))
    assert "scikit-learn" not in found["scikit_learn"].reason
    assert found["scikit_learn"].reason == "does not offer forward+backward: no gradient"
    assert not found["naive_torch"].reason
    assert (
        "device cpu" in found["rep4ex_triton"].reason or "triton" in found["rep4ex_triton"].reason
    )


def test_quick_runs_long_compilers_only_where_they_are_named():
    quick = RunFacts(0, 1, PROTOCOLS["quick"])
    assert "--contender torch_compile" in entries(facts=quick)["torch_compile"].reason
    assert not entries(facts=quick, named=("torch_compile",))["torch_compile"].reason
    assert not entries()["torch_compile"].reason


def test_keys_know_workload_contender_and_protocol_but_not_the_reason_to_run():
    base = entries()
    keys = [entry.key for entry in base.values()]
    assert len(set(keys)) == len(keys)
    assert entries()["naive_torch"].key == base["naive_torch"].key
    other = entries(make_workload("mmr_penalty", 65, 2, 3))
    assert other["naive_torch"].key != base["naive_torch"].key
    quick = entries(facts=RunFacts(0, 1, PROTOCOLS["quick"]))
    assert quick["naive_torch"].key != base["naive_torch"].key


def test_registration_takes_contenders_with_names_of_their_own(toy):
    assert "toy" in CONTENDERS.names()
    with pytest.raises(UsageError, match="subclass of Contender"):
        register_contender(dict)

    class Impostor(Toy):
        name = "naive_torch"

    with pytest.raises(UsageError, match="'naive_torch' is registered already"):
        register_contender(Impostor)
    with pytest.raises(UnknownNameError, match="did you mean 'naive_torch'"):
        load_contenders(["naive_torc"])


def test_the_measuring_process_is_told_the_hardware_and_never_asks(monkeypatch):
    """Asking a GPU for its name wakes CUDA, and a process that did so cannot fork contenders."""
    from rep4ex_bench.records import provenance
    from rep4ex_bench.speed.outcome import Outcome
    from rep4ex_bench.speed.rows import outcome_records

    told = RunFacts(0, 1, PROTOCOLS["quick"], "a GPU")
    monkeypatch.setattr(provenance, "processor", None)
    entry = plan(WORKLOAD, load_contenders(), (), told)[0]
    (row,) = outcome_records(
        WORKLOAD, entry.contender, Outcome("x", "failed", "y"), entry.key, "", told
    )
    assert row.hardware == "a GPU"
