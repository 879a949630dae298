"""Compiles cases for a GPU that is not here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from rep4ex_kernels.offline import amdgcn, sass
from rep4ex_kernels.offline.case import Case

CUDA_TARGETS = ("sm_80", "sm_90", "sm_100")
AMD_TARGETS = ("gfx942",)
TARGETS = CUDA_TARGETS + AMD_TARGETS


@dataclass(frozen=True)
class Compiled:
    """A case compiled for one target: its machine code on NVIDIA, its assembly on AMD."""

    case: Case
    target: str
    shared_bytes: int
    tensor_memory_columns: int
    code: sass.MachineCode | None
    assembly: amdgcn.Assembly | None = None


def compile_case(case: Case, target: str) -> Compiled:
    """Compile one case; raises what Triton raises when it cannot."""
    (outcome,) = compile_cases([case], target)
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


def compile_cases(cases: Sequence[Case], target: str) -> list[Compiled | Exception]:
    """Compile cases for one target; in place of one that cannot be, what Triton raised."""
    binaries: list[Any] = []
    for case in cases:
        try:
            binaries.append(_compile(case, target))
        except Exception as error:  # whatever the compiler raises is the finding
            binaries.append(error)
    sound = [(i, b) for i, b in enumerate(binaries) if not isinstance(b, Exception)]
    outcomes: list[Compiled | Exception] = list(binaries)
    if target in AMD_TARGETS:
        for i, binary in sound:
            assembly = amdgcn.read(binary.asm["amdgcn"])
            shared = int(binary.metadata.shared)
            outcomes[i] = Compiled(cases[i], target, shared, 0, None, assembly)
        return outcomes
    codes = sass.read([b.asm["cubin"] for _, b in sound], target) if sound else []
    for (i, binary), code in zip(sound, codes, strict=True):
        metadata = binary.metadata
        tensor_memory = int(getattr(metadata, "tmem_size", None) or 0)
        outcomes[i] = Compiled(cases[i], target, int(metadata.shared), tensor_memory, code)
    return outcomes


def _compile(case: Case, target: str) -> Any:
    kernel = case.kernel
    signature = {n: case.signature.get(n, "constexpr") for n in kernel.arg_names}
    source = ASTSource(kernel, signature, {**case.constants}, _attributes(case, signature))
    options = {"num_warps": case.num_warps, "num_stages": case.num_stages}
    if case.most_registers is not None:
        options["maxnreg"] = case.most_registers
    return triton.compile(source, target=_target(target), options=options)


def _attributes(case: Case, signature: dict[str, str]) -> dict[tuple[int], Any]:
    """What a launch says of its arguments: pointers are multiples of 16 bytes.

    But for those that the kernel declares not to be looked at, which may come from a user.
    """
    known = {}
    for position, parameter in enumerate(case.kernel.params):
        pointer = signature[parameter.name].startswith("*")
        if pointer and not parameter.do_not_specialize_on_alignment:
            known[position,] = [["tt.divisibility", 16]]
        if parameter.name in case.aligned:
            known[position,] = [["tt.divisibility", 16]]
    return known


def _target(name: str) -> Any:
    if name.startswith("gfx"):
        return GPUTarget("hip", name, 64)
    return GPUTarget("cuda", int(name.removeprefix("sm_")), 32)
