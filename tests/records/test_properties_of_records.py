"""Record files: what was written is read; what was damaged is refused, never misread."""

import dataclasses

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rep4ex_bench.errors import RecordsError
from rep4ex_bench.records.predictions import PREDICTION_SCHEMA, read_predictions
from rep4ex_bench.records.records import (
    RECORD_SCHEMA,
    Record,
    read_records,
    records_table,
    table_bytes,
)
from rep4ex_bench.running.cell import run_cell
from rep4ex_bench.running.suite import parse_suite

OF_TYPE = {
    "str": st.text(max_size=20),
    "int": st.integers(-(2**63), 2**63 - 1),
    "float": st.floats(),
}
any_record = st.builds(Record, **{f.name: OF_TYPE[f.type] for f in dataclasses.fields(Record)})
CELL = parse_suite(
    'name = "t"\nseeds = 1\n[[scenarios]]\nname = "linear_action"\n'
    'parameters = { n = 60, outcome = "bump" }\n[[methods]]\nname = "constant_mean"\n',
    "t",
).cells()[0]


@settings(max_examples=100, deadline=None)
@given(st.lists(any_record, max_size=5))
def test_what_was_written_is_read(tmp_path_factory, records):
    path = tmp_path_factory.getbasetemp() / "written.parquet"
    path.write_bytes(table_bytes(records_table(records)))
    frame = read_records(path)
    expected = pd.DataFrame([dataclasses.asdict(r) for r in records], columns=RECORD_SCHEMA.names)
    pd.testing.assert_frame_equal(frame, expected.astype(frame.dtypes), check_exact=True)


@pytest.fixture(scope="module")
def files():
    result = run_cell(CELL, "cpu")
    return table_bytes(records_table(result.records)), table_bytes(result.predictions)


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_damaged_files(tmp_path_factory, files, data):
    """Damage is refused, or every column is there: Parquet has no checksum of values."""
    content = bytearray(files[data.draw(st.integers(0, 1))])
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(content) - 1))
        how = data.draw(st.sampled_from(["flip", "cut", "grow"]))
        if how == "flip":
            content[place] ^= data.draw(st.integers(1, 255))
        elif how == "cut":
            del content[place : place + data.draw(st.integers(1, 64))]
        else:
            content[place:place] = data.draw(st.binary(min_size=1, max_size=8))
        if not content:
            return
    path = tmp_path_factory.getbasetemp() / "damaged.parquet"
    path.write_bytes(content)
    for read, schema in ((read_records, RECORD_SCHEMA), (read_predictions, PREDICTION_SCHEMA)):
        try:
            frame = read(path)
        except RecordsError:
            continue
        assert list(frame.columns) == schema.names
