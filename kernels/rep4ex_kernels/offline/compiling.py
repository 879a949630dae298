"""Compiles a case for a GPU that is not here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from rep4ex_kernels.offline import sass
from rep4ex_kernels.offline.case import Case

CUDA_TARGETS = ("sm_80", "sm_90", "sm_100")
AMD_TARGETS = ("gfx942",)


@dataclass(frozen=True)
class Compiled:
    """A case compiled for one target; ``code`` is None on AMD, where no disassembler is shipped."""

    case: Case
    target: str
    shared_bytes: int
    tensor_memory_columns: int
    code: sass.MachineCode | None


def compile_case(case: Case, target: str) -> Compiled:
    """Compile one case; raises what Triton raises when it cannot."""
    kernel = case.kernel
    constants = {**case.constants}
    signature = {n: case.signature.get(n, "constexpr") for n in kernel.arg_names}
    # What the launcher derives from real arguments: aligned pointers and padded sizes.
    aligned = {
        (i,): [["tt.divisibility", 16]]
        for i, name in enumerate(kernel.arg_names)
        if signature[name].startswith("*") or name in case.aligned
    }
    source = ASTSource(kernel, signature, constants, aligned)
    options = {"num_warps": case.num_warps, "num_stages": case.num_stages}
    binary = triton.compile(source, target=_target(target), options=options)
    return _compiled(case, target, binary)


def _target(name: str) -> Any:
    if name.startswith("gfx"):
        return GPUTarget("hip", name, 64)
    return GPUTarget("cuda", int(name.removeprefix("sm_")), 32)


def _compiled(case: Case, target: str, binary: Any) -> Compiled:
    metadata = binary.metadata
    code = sass.read(binary.asm["cubin"]) if "cubin" in binary.asm else None
    tensor_memory = int(getattr(metadata, "tmem_size", None) or 0)
    return Compiled(case, target, int(metadata.shared), tensor_memory, code)
