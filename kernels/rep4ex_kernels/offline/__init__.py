"""The gate that needs no GPU: compile every Triton kernel for GPUs that are not here and read it.

``python -m rep4ex_kernels.offline`` compiles each kernel with its launch parameters for sm_80,
sm_90, sm_100 and gfx942, reads registers, stack, shared and tensor memory and the instructions of
the innermost loop, estimates its throughput and its latency, and checks them. Everything it prints
is an estimate: no kernel runs, no time is measured.

``cases`` what is compiled, ``compiling`` how, ``sass`` and ``amdgcn`` read the machine code,
``latency`` and ``model`` estimate, ``checks`` asserts, ``document`` writes
``docs/kernels-offline.md`` and ``.csv``. What a call costs the host is printed by another command,
``python -m rep4ex_kernels.offline.host_cost``.
"""
