"""The gate that needs no GPU: compile every Triton kernel for GPUs that are not here and read it.

``python -m rep4ex_kernels.offline`` compiles each row of the configuration table for sm_80, sm_90
and sm_100, reads registers, stack, shared and tensor memory and the instruction mix of the
innermost loop, predicts what bounds the loop and checks it. Everything it prints is an estimate
from instruction counts and data-sheet rates: no kernel runs, no time is measured. Latency,
synchronisation and occupancy are not modelled.

``cases`` what is compiled, ``compiling`` how, ``sass`` reads the machine code, ``model`` predicts,
``checks`` asserts.
"""
