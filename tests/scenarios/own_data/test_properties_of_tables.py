"""User data: a task that keeps its promises, or one of our errors."""

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from rep4ex_bench import TrainingData
from rep4ex_bench.errors import DataError, Rep4ExBenchError
from rep4ex_bench.registry import get_scenario
from rep4ex_bench.scenarios._own_data.table import file_hash

DTYPES = st.sampled_from(["f8", "f4", "i8", "u1", "?", "c8", "U3", "S2", "O", "M8[s]"])
any_array = DTYPES.flatmap(
    lambda dtype: arrays(
        np.dtype(dtype),
        array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=6),
        elements=st.integers(-3, 3) if dtype == "O" else None,
    )
)


@settings(max_examples=300, deadline=None)
@given(any_array, any_array, any_array, st.one_of(st.none(), st.integers(-1, 4)))
def test_any_arrays(actions, features, outcome, latent_dim):
    try:
        data = TrainingData(actions, features, outcome, latent_dim)
    except DataError:
        return
    assert data.actions.shape == (data.n, data.k)
    assert data.outcome.shape == (data.n,)
    assert all(bool(t.isfinite().all()) for t in (data.actions, data.features, data.outcome))


columns = st.sampled_from(["a", "a_1", "x_1", "x_2", "y", "<b>", "", "a, b"])
values = st.one_of(
    arrays("f8", 12, elements=st.floats(allow_nan=True, allow_infinity=True)),
    arrays("f8", 12, elements=st.sampled_from([-2.0, -1.0, 0.0, 1.0, 2.0])),
    arrays("i8", 12, elements=st.integers(-2, 2)),
    arrays("U3", 12, elements=st.text('ab ,"\n0', max_size=3)),
)


@settings(max_examples=250, deadline=None)
@given(
    st.dictionaries(columns, values, min_size=1),
    st.sampled_from(["parquet", "csv", "npz"]),
    st.sampled_from(["a*", "a", "a_1", "x_1, a", "z", "[", ""]),
    st.sampled_from(["x_*", "x_2", "*"]),
    st.sampled_from(["y", "x_1", "?"]),
    st.sampled_from(["a > 0", "abs(a) > 1", "a_1 >= 0", "y > 0", "a > 9", "a"]),
    st.integers(0, 3),
)
def test_any_table(tmp_path_factory, table, form, actions, features, outcome, hold_out, seed):
    path = tmp_path_factory.getbasetemp() / f"table.{form}"
    frame = pd.DataFrame(table)
    if form == "npz":
        np.savez(
            path,
            **{f"arr {i}" if "/" in k or not k else k: v for i, (k, v) in enumerate(table.items())},
        )
    elif form == "csv":
        frame.to_csv(path, index=False)
    else:
        frame.to_parquet(path)
    try:
        task = get_scenario(
            "own_data",
            file=str(path),
            sha256=file_hash(path),
            actions=actions,
            features=features,
            outcome=outcome,
            hold_out=hold_out,
        ).sample(seed)
    except Rep4ExBenchError:
        return
    assert task.train.n < 12
    assert np.isfinite(task.truth.values).all()
    assert np.isfinite(task.queries.distance).all()
    held = {"a > 0": lambda a: a > 0, "abs(a) > 1": lambda a: abs(a) > 1}.get(hold_out)
    if held is not None and actions == "a":
        assert not held(task.train.actions[:, 0]).any()
