"""The assertions of the gate. Each returns what is wrong, in words, or nothing.

Every check has a test that feeds it a kernel that breaks it.
"""

from __future__ import annotations

from collections.abc import Iterator

from rep4ex_kernels.offline.amdgcn import Assembly
from rep4ex_kernels.offline.case import Case
from rep4ex_kernels.offline.compiling import Compiled
from rep4ex_kernels.offline.model import (
    ARCHITECTURES,
    REGISTER_FILE,
    TENSOR_MEMORY_COLUMNS,
    Estimate,
    resident_warps,
    tiles_a_pass,
)
from rep4ex_kernels.offline.sass import SPILL_OPCODES, MachineCode

AMD_SHARED_LIMIT = 65536
MOST_REGISTERS = 255  # of a thread
SPECIAL_OPCODES = ("MUFU.EX2", "MUFU.RSQ", "MUFU.SQRT", "MUFU.RCP", "MUFU.LG2")


def violations(compiled: Compiled, estimate: Estimate | None) -> list[str]:
    """Everything that is wrong with a compiled case; empty for a sound one."""
    found = list(check_specialisation(compiled.case))
    if compiled.assembly is not None:
        return found + list(check_assembly(compiled, compiled.assembly))
    stub = list(check_stub(compiled))
    found += stub
    code = compiled.code
    if stub or code is None:
        return found  # the numbers of a stub mean nothing
    found += check_spills(compiled, code)
    found += check_capacity(compiled, code)
    found += check_occupancy(compiled, code)
    found += check_plan(compiled, code)
    if estimate is not None:
        found += check_ratio(compiled, estimate)
    return found


def check_specialisation(case: Case) -> Iterator[str]:
    """No number is looked at when a kernel is launched: its variants are told apart by constants.

    The launcher takes a compiled kernel by its constants alone, so a variant that Triton compiled
    for a size of 1, or for a multiple of 16, would be launched for other sizes too.
    """
    looked_at = [
        parameter.name
        for parameter in case.kernel.params
        if case.signature.get(parameter.name, "*").startswith("i")
        and not parameter.do_not_specialize
    ]
    if looked_at:
        yield f"specialisation: expected none of numbers, found that of {', '.join(looked_at)}"


def check_stub(compiled: Compiled) -> Iterator[str]:
    """Above 512 columns of tensor memory Triton "succeeds" and emits a breakpoint."""
    if compiled.tensor_memory_columns > TENSOR_MEMORY_COLUMNS:
        yield (
            f"tensor memory: expected at most {TENSOR_MEMORY_COLUMNS} columns, found "
            f"{compiled.tensor_memory_columns}: the code is a stub"
        )
    if compiled.code is not None and compiled.code.is_stub:
        yield "stub: expected a kernel, found a breakpoint (BPT) and no loop"


def check_spills(compiled: Compiled, code: MachineCode) -> Iterator[str]:
    """No register lives in memory where pairs are visited, and nowhere for want of registers.

    In what is linear in the rows the assembler may put a few aside outside of the innermost loop,
    to make room for one block more: it then uses fewer registers than there are.
    """
    chosen = compiled.case.row is None and code.registers < MOST_REGISTERS
    if chosen and not any(i.base in SPILL_OPCODES for i in code.loop):
        return
    if code.stack or code.local or code.spill_instructions:
        yield (
            f"spill: expected no stack and no local memory, found stack {code.stack}, local "
            f"{code.local}, {code.spill_instructions} local loads and stores"
        )


def check_capacity(compiled: Compiled, code: MachineCode) -> Iterator[str]:
    """Registers and shared memory of at least one block fit a multiprocessor."""
    registers = code.registers * compiled.case.num_warps * 32
    if registers > REGISTER_FILE:
        yield f"registers: expected at most {REGISTER_FILE} a block, found {registers}"
    limit = ARCHITECTURES[compiled.target].shared_limit
    if compiled.shared_bytes > limit:
        yield f"shared memory: expected at most {limit} bytes, found {compiled.shared_bytes}"


def check_occupancy(compiled: Compiled, code: MachineCode) -> Iterator[str]:
    """As many warps fit a multiprocessor as the launch counts on."""
    expected = compiled.case.resident_warps
    found = resident_warps(compiled, code.registers, ARCHITECTURES[compiled.target])
    if found < expected:
        yield (
            f"occupancy: expected room for {expected} warps a multiprocessor, found {found} "
            f"({code.registers} registers a thread, {compiled.shared_bytes} bytes of shared memory)"
        )


def check_plan(compiled: Compiled, code: MachineCode) -> Iterator[str]:
    """The innermost loop holds the planned special-function results and tensor-core products."""
    case = compiled.case
    if not case.pairs:
        return
    tiles = tiles_a_pass(compiled, code)
    if case.special is not None:
        results = sum(code.count(op) for op in SPECIAL_OPCODES) * 32 * case.num_warps
        found = results / case.pairs / tiles
        if found != case.special:
            yield f"special functions: expected {case.special} a pair, found {found:g}"
    products = sum(code.mix[op] for op in ("DMUL", "DFMA")) * 32 * case.num_warps / case.pairs
    if case.float64_fma and products != case.float64_fma:
        yield f"float64: expected {case.float64_fma:g} products a pair, found {products:g}"
    if case.matrix_fma and not code.matrix_instructions:
        yield "tensor cores: expected matrix instructions, found none"
    fma = code.matrix_fma(case.num_warps)
    if case.matrix_fma and fma and fma != case.matrix_fma * case.pairs * tiles:
        found = fma / case.pairs / tiles
        yield f"tensor cores: expected {case.matrix_fma:g} multiply-adds a pair, found {found:g}"


def check_ratio(compiled: Compiled, estimate: Estimate) -> Iterator[str]:
    """The throughput stays near the floor, on sm_90: no work that the plan does not have."""
    cap = compiled.case.ratio_cap
    found = estimate.over_floor(estimate.throughput)
    if cap is not None and compiled.target == "sm_90" and found > cap:
        yield (
            f"throughput: expected at most {cap:g} times the floor, predicted {found:.2f} "
            f"({estimate.limit}, {estimate.issue_slots:.1f} issue slots for 32 pairs)"
        )


def check_assembly(compiled: Compiled, assembly: Assembly) -> Iterator[str]:
    """On AMD: no register in memory, shared memory that fits, matrix instructions where planned."""
    if assembly.spilled or assembly.scratch:
        yield (
            f"spill: expected no private memory, found {assembly.scratch} bytes and "
            f"{assembly.spilled} spilled registers"
        )
    if compiled.shared_bytes > AMD_SHARED_LIMIT:
        yield (
            f"shared memory: expected at most {AMD_SHARED_LIMIT} bytes, found "
            f"{compiled.shared_bytes}"
        )
    if compiled.case.matrix_fma and not assembly.matrix_instructions:
        yield "tensor cores: expected matrix instructions, found none"
