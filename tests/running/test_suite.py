"""Suites: what is accepted, what is refused and how, and what a cell's key depends on."""

import pytest

from rep4ex_bench.errors import ParameterError, SuiteError, UnknownNameError, UsageError
from rep4ex_bench.running.suite import load_suite, parse_suite, suite_names

GOOD = """\
name = "tiny"
seeds = 2
metrics = ["nmse_outside"]

[[scenarios]]
name = "linear_action"
parameters = { n = 100 }

[[scenarios]]
name = "linear_action"
label = "bump"
parameters = { n = 100, outcome = "bump" }

[[methods]]
name = "constant_mean"

[[methods]]
name = "ols_on_actions"
"""


def test_a_suite_has_all_its_cells_with_different_keys():
    suite = parse_suite(GOOD, "tiny.toml")
    cells = suite.cells()
    assert len(cells) == 2 * 2 * 2
    assert len({cell.key for cell in cells}) == len(cells)
    assert [cell.seed for cell in cells] == [0] * 4 + [1] * 4


def keys(text):
    return {
        (c.scenario_label, c.method_label, c.seed): c.key for c in parse_suite(text, "t").cells()
    }


def test_adding_a_method_or_a_scenario_moves_no_key():
    more = GOOD + '[[methods]]\nname = "pca"\n'
    assert keys(GOOD).items() <= keys(more).items()
    with_scenario = GOOD + '[[scenarios]]\nname = "linear_action"\nlabel = "other"\n'
    assert keys(GOOD).items() <= keys(with_scenario).items()


def test_the_key_ignores_labels_and_time_limit_but_no_number_that_matters():
    base = set(keys(GOOD).values())
    assert set(keys(GOOD.replace('label = "bump"', 'label = "hill"')).values()) == base
    assert set(keys("timeout_seconds = 5\n" + GOOD).values()) == base
    for change in (("n = 100 }", "n = 101 }"), ("seeds = 2", "seeds = [5, 6]")):
        assert not set(keys(GOOD.replace(*change)).values()) >= base
    assert not set(keys("protocol_version = 2\n" + GOOD).values()) & base


def test_a_parameter_at_its_default_is_the_same_cell():
    explicit = GOOD.replace("{ n = 100 }", "{ n = 100, k = 2, alpha = 1.0 }")
    assert keys(explicit) == keys(GOOD)


@pytest.mark.parametrize(
    ("old", "new", "error", "message"),
    [
        ('name = "tiny"', 'name = "tiny', SuiteError, "line 1"),
        (
            "seeds = 2",
            "seeds = 0",
            SuiteError,
            "line 2, key 'seeds': must be at least 1 or be a list, got 0",
        ),
        (
            '"nmse_outside"',
            "",
            SuiteError,
            "'metrics': must have at least 1 item(s), got []",
        ),
        ('name = "linear_action"', "", SuiteError, "'scenarios.0.name': is missing"),
        ("seeds = 2", 'timeout_seconds = "9"', SuiteError, "must be a number, got '9'"),
        ('name = "tiny"', 'name = "T y"', SuiteError, "'name': must match ^[a-z0-9]"),
        ("seeds = 2", "seeds = [1, 1]", SuiteError, "without repeats"),
        ("seeds = 2", 'seeds = "two"', SuiteError, "line 2, key 'seeds'"),
        ("seeds = 2", "seedz = 2", SuiteError, "line 2, key 'seedz': is no key that is known"),
        ('label = "bump"', "labell = 3", SuiteError, "line 11, key 'scenarios.1.labell'"),
        ("{ n = 100 }", "{ n = [1] }", SuiteError, "line 7, key 'scenarios.0.parameters.n"),
        ('label = "bump"', 'label = "linear_action"', SuiteError, "two scenarios are called"),
        (', outcome = "bump"', "", SuiteError, "are the same"),
        ('"nmse_outside"', '"nmse_outsde"', UnknownNameError, "did you mean 'nmse_outside'"),
        ('"constant_mean"', '"constant_men"', UnknownNameError, "did you mean 'constant_mean'"),
        ('"linear_action"', '"linear_actoin"', UnknownNameError, "did you mean 'linear_action'"),
        ("{ n = 100 }", "{ nn = 100 }", UnknownNameError, "parameter of 'linear_action' 'nn'"),
        ("{ n = 100 }", "{ k = 9, n = 5 }", ParameterError, "n must be an integer of at least 11"),
        ("{ n = 100 }", "{ alpha = -1 }", ParameterError, "alpha must be a finite number"),
        ("{ n = 100 }", "{ alpha = nan }", ParameterError, "alpha must be a finite number"),
        ("{ n = 100 }", '{ outcome = "x" }', ParameterError, "'softplus', 'bump'"),
    ],
)
def test_bad_suites_are_refused_with_the_place(old, new, error, message):
    with pytest.raises(error) as caught:
        parse_suite(GOOD.replace(old, new, 1), "tiny.toml")
    assert message in str(caught.value)


def test_unknown_suite_and_missing_file():
    with pytest.raises(UnknownNameError, match="did you mean 'smoke'"):
        load_suite("smokee")
    with pytest.raises(SuiteError, match="cannot read suite"):
        load_suite("no/such.toml")


def test_every_installed_suite_is_valid():
    assert "smoke" in suite_names()
    for name in suite_names():
        assert load_suite(name).name == name


def test_narrowing():
    suite = parse_suite(GOOD, "tiny.toml")
    assert {c.method_label for c in suite.narrowed(methods=("ols_on_actions",)).cells()} == {
        "ols_on_actions"
    }
    assert len(suite.narrowed(scenarios=("linear_action",)).scenarios) == 2  # name: both labels
    assert len(suite.narrowed(scenarios=("bump",)).scenarios) == 1
    assert suite.narrowed(seeds=1).seeds == (0,)
    assert suite.narrowed(seeds=4).seeds == (0, 1, 2, 3)
    with pytest.raises(UnknownNameError, match="did you mean 'bump'"):
        suite.narrowed(scenarios=("bum",))
    with pytest.raises(UsageError, match="at least 1"):
        suite.narrowed(seeds=0)
    with pytest.raises(UsageError, match="above 0"):
        suite.narrowed(timeout_seconds=0.0)
