"""Whatever a suite says: a checked suite that has its cells, or one of our errors."""

import json
import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rep4ex_bench.errors import Rep4ExBenchError, UnknownNameError
from rep4ex_bench.parameters import build
from rep4ex_bench.registry import METHODS, METRICS, SCENARIOS
from rep4ex_bench.running.suite import canonical_parameters, parse_suite

scalars = st.one_of(
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.text(max_size=12),
    st.sampled_from(["auto", "bump", "softplus", "mlp", "", "nan"]),
)
small = st.one_of(st.integers(-2, 12), st.floats(-1, 3))
# no parameters: one that nobody has, and names that a function could have for itself
STRANGE = ("x", "name", "self", "cls", "")
labels = st.text(min_size=0, max_size=90)


def toml(value):
    """TOML of what hypothesis made up; floats and texts as JSON writes them, where that is TOML."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(k)} = {toml(v)}" for k, v in value.items()) + "}"
    return json.dumps(value, ensure_ascii=False)


def entries(registry):
    """Components of real names mostly, with parameters of theirs or made up."""
    return st.one_of(
        *[
            st.fixed_dictionaries(
                {"name": st.just(name)},
                optional={
                    "label": labels,
                    "parameters": st.dictionaries(
                        st.sampled_from([*registry.get(name).parameter_names(), *STRANGE]),
                        scalars | small,
                        max_size=3,
                    ),
                },
            )
            for name in registry.names()
        ],
        st.fixed_dictionaries({"name": st.text(max_size=20)}),
    )


documents = st.fixed_dictionaries(
    {
        "name": st.one_of(st.just("tiny"), st.text(string.printable, max_size=70)),
        "scenarios": st.lists(entries(SCENARIOS), max_size=3),
        "methods": st.lists(entries(METHODS), max_size=3),
    },
    optional={
        "title": st.text(max_size=20),
        "seeds": st.one_of(st.integers(-3, 50), st.lists(st.integers(), max_size=4), scalars),
        "timeout_seconds": scalars | small,
        "protocol_version": scalars | small,
        "metrics": st.lists(st.sampled_from([*METRICS.names(), "x"]), max_size=3),
        "resources": st.dictionaries(
            st.sampled_from(["cpus", "gpus", "memory_gigabytes", "x"]), scalars | small, max_size=3
        ),
        "more": scalars,
    },
)


def text_of(document):
    return "".join(f"{key} = {toml(value)}\n" for key, value in document.items())


@settings(max_examples=400, deadline=None)
@given(documents)
def test_any_document(document):
    try:
        suite = parse_suite(text_of(document), "made up")
    except Rep4ExBenchError:
        return
    cells = suite.cells()
    assert len(cells) == len(suite.seeds) * len(suite.scenarios) * len(suite.methods)
    assert len({cell.key for cell in cells}) == len(cells)
    # fewer seeds: the same cells, in the same order
    part = suite.narrowed(seeds=1).cells()
    assert [cell.key for cell in part] == [cell.key for cell in cells[: len(part)]]
    assert [c.key for c in parse_suite(text_of(document), "again").cells()] == [
        c.key for c in cells
    ]


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=200))
def test_any_text(text):
    with pytest.raises(Rep4ExBenchError):
        parse_suite(text, "made up")


@pytest.mark.parametrize("strange", STRANGE)
@pytest.mark.parametrize("kind", ["scenarios", "methods"])
def test_a_parameter_that_nobody_has(kind, strange):
    document = {
        "name": "tiny",
        "scenarios": [{"name": "linear_action"}],
        "methods": [{"name": "constant_mean"}],
    }
    document[kind][0]["parameters"] = {strange: 1}
    with pytest.raises(UnknownNameError, match="parameter"):
        parse_suite(text_of(document), "made up")


@pytest.mark.parametrize("name", [*SCENARIOS.names(), *METHODS.names()])
def test_any_parameters(name):
    registry = SCENARIOS if name in SCENARIOS.names() else METHODS
    cls = registry.get(name)

    @settings(max_examples=60, deadline=None)
    @given(st.dictionaries(st.sampled_from([*cls.parameter_names(), *STRANGE]), scalars | small))
    def check(parameters):
        try:
            component = build(cls, parameters)
        except Rep4ExBenchError:
            return
        # what is checked can be written down and made again
        text = canonical_parameters(component)
        assert canonical_parameters(build(cls, json.loads(text))) == text

    check()
