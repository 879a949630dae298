"""Suites of the tests of the runner, as text, and methods to add to them."""


def tiny_suite(seeds, timeout_seconds):
    """Return a suite of one scenario and the two cheapest methods."""
    return f"""\
name = "tiny"
seeds = {seeds}
timeout_seconds = {timeout_seconds}
[[scenarios]]
name = "linear_action"
parameters = {{ n = 200, outcome = "bump" }}
[[methods]]
name = "constant_mean"
[[methods]]
name = "ols_on_actions"
"""


def with_method(name, label=None, **parameters):
    """Return what adds a method to a suite."""
    values = ", ".join(f"{k} = {v!r}" for k, v in parameters.items())
    return f'[[methods]]\nname = "{name}"\nlabel = "{label or name}"\nparameters = {{ {values} }}\n'
