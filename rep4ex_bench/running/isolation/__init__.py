"""A method's code runs in a process that never held the truth, the oracle or the seed of its cells.

    remote_method.py   the method as the scoring process sees it
    method_process.py  the process of the method
    fork_server.py     the process that it is forked from, which never sees a cell
    channel.py         what the two send each other: JSON and raw numbers, nothing pickled back
    shared_data.py     training data in a file that is mapped, not copied
    confinement.py     no network, a scratch home, no reading of the scoring process (Linux)

The scoring process is the other one: it samples the tasks, sends data to the method's process and
computes the metrics from its answers.

What a process boundary cannot stop is said in docs/threat-model.md.
"""
