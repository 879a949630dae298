"""The dependent chain of a loop, against chains added up by hand; warps that fit, by hand too."""

import pytest

pytest.importorskip("triton", reason="triton is not installed")


def instructions(*lines):
    from rep4ex_kernels.offline.sass import Instruction

    parts = [line.split(maxsplit=1) for line in lines]
    return tuple(
        Instruction(16 * i, part[0], part[1] if len(part) > 1 else "")
        for i, part in enumerate(parts)
    )


def cycles(*lines, target="sm_90"):
    from rep4ex_kernels.offline.latency import cycles_a_pass
    from rep4ex_kernels.offline.model import ARCHITECTURES

    return cycles_a_pass(instructions(*lines), ARCHITECTURES[target].units)


def test_what_depends_on_nothing_is_issued_every_cycle():
    assert cycles(*(f"IADD3 R{i}, R20, R21, RZ" for i in range(8))) == 8


def test_a_chain_that_a_pass_hands_to_the_next():
    from rep4ex_kernels.offline.latency import ARITHMETIC

    assert cycles("FFMA R0, R0, R1, R0", "FFMA R0, R0, R1, R0") == 2 * ARITHMETIC


def test_load_product_exponential_conversion_product():
    from rep4ex_kernels.offline.latency import ARITHMETIC, CONVERSION, MATRIX, SHARED, SPECIAL

    # The second product's sums (R40) go into the address of the load: one chain altogether.
    chain = (
        "LDSM.16.M88.4 R8, [R0]",
        "HMMA.16816.F32 R12, R8, R20, RZ",
        "MUFU.EX2 R24, R12",
        "F2FP.F16.F32.PACK_AB R28, R24, R24",
        "HMMA.16816.F32 R40, R28, R32, RZ",
        "IADD3 R0, R40, R1, RZ",
    )
    expected = SHARED + 2 * MATRIX + SPECIAL + CONVERSION + ARITHMETIC
    assert cycles(*chain) == expected


def test_a_wide_result_is_waited_for_in_each_of_its_registers():
    from rep4ex_kernels.offline.latency import ARITHMETIC, SHARED

    loaded = cycles("LDS.128 R4, [R8]", "FADD R8, R7, R7")
    assert loaded == SHARED + ARITHMETIC
    assert cycles("LDS.64 R4, [R8]", "FADD R8, R7, R7") < SHARED


def test_a_busy_unit_is_waited_for():
    # 16 lanes a cycle and multiprocessor are four for each scheduler, and a warp wants 32 results.
    assert cycles(*(f"MUFU.EX2 R{i}, R{i + 40}" for i in range(10))) == 80
    # On sm_80 half as many float32 lanes.
    additions = [f"FADD R{i}, R{i + 40}, R{i + 40}" for i in range(10)]
    assert (cycles(*additions), cycles(*additions, target="sm_80")) == (10, 20)


def test_copies_are_waited_for_unless_they_had_a_pass_to_arrive():
    from rep4ex_kernels.offline.latency import L2

    work = [f"MUFU.EX2 R{i}, R{i + 100}" for i in range(40)]
    copy = ["LDGSTS.E.BYPASS.128 [R200], [R202.64]", "LDGDEPBAR"]
    at_once = cycles("DEPBAR.LE SB0, 0x0", *work, *copy)
    later = cycles("DEPBAR.LE SB0, 0x1", *work, *copy)
    assert at_once == pytest.approx(later + L2, abs=10)
    assert later == pytest.approx(8 * 40, abs=10)


def test_products_of_a_warpgroup_overlap_and_are_waited_for():
    from rep4ex_kernels.offline.latency import MATRIX

    product = "HGMMA.64x64x16.F32 R24, gdesc[UR4], R24"
    one = cycles(product + ", gsb0", "WARPGROUP.DEPBAR.LE gsb0, 0x0")
    three = cycles(product, product, product + ", gsb0", "WARPGROUP.DEPBAR.LE gsb0, 0x0")
    assert one == pytest.approx(MATRIX, abs=2)
    own = 64 * 64 * 16 / 2048  # multiply-adds over those of a cycle
    assert three == pytest.approx(MATRIX + 2 * own, abs=4)
    # On sm_100 a barrier in memory is waited for.
    alone = cycles("UTCHMMA tmem[UR4], gdesc[UR6]", "UTCBAR [UR8], URZ")
    waiting = ("UTCHMMA tmem[UR4], gdesc[UR6]", "UTCBAR [UR8], URZ")
    waited = cycles(*waiting, "SYNCS.PHASECHK.TRANS64.TRYWAIT P0, [UR8], R4")
    assert alone < 4
    assert waited >= MATRIX


@pytest.mark.parametrize(
    ("registers", "shared", "tensor", "blocks"),
    [
        (128, 0, 0, 4),  # 65536 registers / (128 * 32 * 4)
        (129, 0, 0, 3),  # registers are given out in eights a thread
        (168, 0, 0, 3),
        (32, 0, 0, 16),  # 64 warps
        (32, 57 * 1024, 0, 3),  # 228 KiB, and one more for each block
        (32, 0, 128, 4),  # 512 columns of tensor memory
    ],
)
def test_warps_that_fit_a_multiprocessor(registers, shared, tensor, blocks):
    from rep4ex_kernels.offline.case import Case
    from rep4ex_kernels.offline.compiling import Compiled
    from rep4ex_kernels.offline.model import ARCHITECTURES, resident_warps

    case = Case("", None, {}, {}, num_warps=4, num_stages=2)
    compiled = Compiled(case, "sm_90", shared, tensor, None)
    assert resident_warps(compiled, registers, ARCHITECTURES["sm_90"]) == 4 * blocks


def test_throughput_latency_and_both_in_step():
    from rep4ex_kernels.offline.model import Estimate

    few = Estimate(
        {"special": 3.0, "issue": 1.0}, latency=10 / 2, warps=2, floor=3.0, issue_slots=1
    )
    many = Estimate(
        {"special": 3.0, "issue": 1.0}, latency=10 / 8, warps=8, floor=3.0, issue_slots=1
    )
    assert (few.limit, few.throughput, few.predicted) == ("special", 3.0, 5.0)
    assert (many.throughput, many.predicted) == (3.0, 3.0)
    # What a warp does besides using the busiest unit: 5.0 less 3.0 / 2.
    assert few.in_step == pytest.approx(3.0 + 5.0 - 1.5)
    assert many.in_step > many.predicted
    assert few.over_floor(few.predicted) == pytest.approx(5 / 3)
