"""Records and predictions on the disk: round trip, other schemas, damage, atomic writes."""

import math

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rep4ex_bench import get_method, get_scenario
from rep4ex_bench.errors import OutputWriteError, RecordsError
from rep4ex_bench.files import write_bytes
from rep4ex_bench.records.parquet import texts_once, to_frame
from rep4ex_bench.records.predictions import read_predictions
from rep4ex_bench.records.records import read_records, records_table, write_table
from rep4ex_bench.running.cell import failed_cell, run_cell
from rep4ex_bench.running.suite import Cell


def cell():
    scenario = get_scenario("linear_action", n=50, outcome="bump")
    metrics = ("nmse_outside", "affine_r2")
    return Cell("s", 1, "scen", scenario, "meth", get_method("constant_mean"), 3, metrics, 9.0, "k")


def test_round_trip(tmp_path):
    result = run_cell(cell(), "cpu")
    assert {r.status for r in result.records} == {"ok", "skipped"}
    write_table(records_table(result.records), tmp_path / "r.parquet")
    frame = read_records(tmp_path / "r.parquet")
    assert list(frame["metric"]) == ["nmse_outside", "affine_r2"]
    assert frame["value"].iloc[0] == result.records[0].value
    assert math.isnan(frame["value"].iloc[1])
    assert frame["seed"].iloc[0] == 3
    write_table(result.predictions, tmp_path / "p.parquet")
    predictions = read_predictions(tmp_path / "p.parquet")
    assert len(predictions) == len(result.predictions)
    assert len(predictions["actions"].iloc[0]) == 2


def test_a_failed_cell_is_one_record_without_value():
    (record,) = failed_cell(cell(), "timeout", "too long").records
    assert (record.status, record.error, record.metric) == ("timeout", "too long", "")
    assert math.isnan(record.value)


def test_a_scenario_that_yields_bad_data_is_a_failed_record():
    bad = cell()
    bad.scenario.noise = float("nan")
    (record,) = run_cell(bad, "cpu").records
    assert record.status == "failed"
    assert "noise must be a finite number" in record.error


def test_other_schemas_are_refused_by_name(tmp_path):
    path = tmp_path / "r.parquet"
    table = records_table(run_cell(cell(), "cpu").records)
    pq.write_table(table.replace_schema_metadata({b"rep4ex_bench.records": b"99"}), path)
    with pytest.raises(RecordsError, match="record schema 99, this version reads 3"):
        read_records(path)
    pq.write_table(pa.table({"a": [1]}), path)
    with pytest.raises(RecordsError, match="record schema none"):
        read_records(path)
    edited = table.append_column("extra", pa.array(["x"] * len(table)))
    pq.write_table(edited.replace_schema_metadata(table.schema.metadata), path)
    with pytest.raises(RecordsError, match="edited or damaged"):
        read_records(path)


def test_the_schema_before_is_read_with_what_it_lacks_unknown(tmp_path):
    path = tmp_path / "r.parquet"
    table = records_table(run_cell(cell(), "cpu").records)
    old = table.drop_columns(["process_seconds"])
    pq.write_table(old.replace_schema_metadata({b"rep4ex_bench.records": b"2"}), path)
    found = read_records(path)
    assert found["process_seconds"].isna().all()
    assert found["value"].equals(table.to_pandas()["value"])
    pq.write_table(
        old.drop_columns(["seed"]).replace_schema_metadata({b"rep4ex_bench.records": b"2"}), path
    )
    with pytest.raises(RecordsError, match="edited or damaged"):
        read_records(path)


@pytest.mark.parametrize("content", [b"", b"not parquet", b"PAR1" + b"\0" * 50 + b"PAR1"])
def test_damaged_files_are_refused(tmp_path, content):
    path = tmp_path / "r.parquet"
    path.write_bytes(content)
    for read in (read_records, read_predictions):
        with pytest.raises(RecordsError, match="holds no readable"):
            read(path)


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "file"
    write_bytes(b"old", path)

    def full(_descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OutputWriteError, match="No space left on device"):
        write_bytes(b"new", path)
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_empty_records_have_the_columns():
    assert isinstance(records_table([]).to_pandas(), pd.DataFrame)
    assert "value" in records_table([]).column_names


def test_texts_are_kept_once_and_are_the_same():
    columns = {"text": ["a", "b", "a"], "number": [1.5, math.nan, -0.0], "gap": ["x", None, "y"]}
    first = pa.table(columns)
    second = pa.table({"text": ["c", "a"], "number": [2.0, 3.0], "gap": ["y", "z"]})
    parts = [texts_once(first), texts_once(second.slice(0, 0)), texts_once(second)]
    frame = to_frame(pa.concat_tables(parts))
    expected = pa.concat_tables([first, second]).to_pandas().astype({"text": object, "gap": object})
    expected["gap"] = expected["gap"].where(expected["gap"].notna(), None)
    pd.testing.assert_frame_equal(frame, expected)
    assert frame["text"][0] is frame["text"][4]
    empty = to_frame(texts_once(first.slice(0, 0)))
    assert list(empty.columns) == list(columns)
    assert len(empty) == 0
