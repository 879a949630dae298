"""The speed board: what speed records come to, as one HTML file.

A function of records alone. Nothing is measured here, and no contender is known by name but the
one that the others are compared with.
"""

from rep4ex_bench.boards.speed.page import render_speed_board, write_speed_board

__all__ = ["render_speed_board", "write_speed_board"]
