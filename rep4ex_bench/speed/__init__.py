"""The speed leaderboard's measuring engine: workloads, contenders, timing, records.

It does not rank: that is done from the records alone.
"""
