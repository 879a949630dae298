"""Objects of ops: each is complete, they are found by file, and their planned rows do not move."""

import hashlib
import sys
import types
from pathlib import Path

import pytest

from rep4ex_bench.errors import UsageError
from rep4ex_bench.speed import ops
from rep4ex_bench.speed.contenders._by_op import ByOp
from rep4ex_bench.speed.ops import OPS
from rep4ex_bench.speed.shapes import SHAPES, workloads
from rep4ex_bench.speed.workload import DTYPES, of_size

# of the parameters of all workloads of a set, in order: they are in the keys of finished cells
PLANNED = {
    "reference": "24136a32a1c7795c",
    "quick": "ee28b2bafa8bc3ed",
    "scaling": "0cd56f7d6243b3f2",
}


def test_every_file_is_an_op_and_every_op_a_file():
    files = {path.stem for path in Path(ops.__file__).parent.glob("*.py")}
    assert {name for name in files if not name.startswith("_")} == set(OPS)


@pytest.mark.parametrize("op", OPS.values(), ids=OPS.keys())
def test_an_op_says_all_of_itself(op):
    assert op.title
    assert set(op.shapes) == set(SHAPES)
    assert set(op.tolerances) == set(DTYPES)
    assert all(0 <= position < len(op.inputs) for position in op.differentiable)
    for shapes in op.shapes.values():
        workload = of_size(op, shapes[0])
        assert workload.spec is op
        assert op.columns(workload) >= workload.d
        assert (op.pairs(workload) == 0) == (not op.default_bandwidths(2, 2) and op.has_actions)


@pytest.mark.parametrize("shapes", SHAPES)
def test_the_planned_workloads_are_those_of_the_records(shapes):
    content = "\n".join(workload.parameters for workload in workloads(shapes, "cpu"))
    assert hashlib.sha256(content.encode()).hexdigest()[:16] == PLANNED[shapes]


@pytest.mark.parametrize("held", [None, "residualize", OPS["hsic"]], ids=["none", "text", "other"])
def test_a_file_without_its_op_is_refused(held, monkeypatch):
    module = types.ModuleType("rep4ex_bench.speed.ops.made_up")
    module.OP = held
    monkeypatch.setitem(sys.modules, module.__name__, module)
    with pytest.raises(UsageError, match=r"speed/ops/made_up.py: expected `OP`.*'made_up'"):
        ops._found("made_up")


def test_a_contender_written_op_by_op_offers_what_it_has_methods_for():
    class Some(ByOp):
        name = "some"

        def hsic(self, workload):
            return "hsic"

        def mmd2(self, workload):
            return "mmd2"

        def prepare(self, workload, *constants):
            return self.method_of(workload)(workload)

    assert Some.ops == ("mmd2", "hsic")
    (workload,) = workloads("quick", "cpu", ["hsic"])
    assert Some().unsupported(workload) is None
    assert Some().prepare(workload) == "hsic"
    (other,) = workloads("quick", "cpu", ["residualize"])
    assert Some().unsupported(other) == "does not offer op residualize"
