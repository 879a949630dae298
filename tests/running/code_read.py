"""For the fork server of `killing.py`: reads the code of the tests' components before it forks.

A runner reads it once in its life, which takes a second; one that is killed after a second would
do nothing else.
"""

from tiny import tiny_suite, with_method

from rep4ex_bench.running.reuse.sources import Sources
from rep4ex_bench.running.suite import parse_suite

TEXT = tiny_suite(seeds=1, timeout_seconds=20) + with_method("oracle_control_function")
for cell in parse_suite(TEXT, "code to read").cells():
    Sources().of(cell)
