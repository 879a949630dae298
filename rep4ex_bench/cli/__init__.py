"""The command `rep4ex-bench`: its verbs, and what they print.

main.py is where it starts; the others are groups of verbs, or tables and progress in a terminal.
"""
