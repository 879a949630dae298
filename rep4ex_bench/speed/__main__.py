"""Entry of the measuring process; users have `rep4ex-bench kernels`."""

from rep4ex_bench.speed.measuring import main

main()
