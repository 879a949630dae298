"""The speed leaderboard's measuring engine: workloads, contenders, timing, records.

    ops/           all that is known of an op, one a file
    contenders/    implementations to compare, one a file
    problem, workload, shapes, inputs    what is computed, on what
    reference, outputs, floor, estimates    what results and times are held against
    plan, run, measuring, bench, measure    from a request to timings
    rows, folder    from timings to records on the disk

It does not rank: that is done from the records alone (`boards/speed/`).
"""
