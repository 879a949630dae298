"""Messages between processes: whole or not at all."""

import io

import pytest

from rep4ex_bench.running.executors.frames import read_frame, write_frame


def frame(payload):
    stream = io.BytesIO()
    write_frame(stream, payload)
    return stream.getvalue()


@pytest.mark.parametrize("payload", [b"", b"x", bytes(range(256)) * 1000])
def test_round_trip_and_end(payload):
    stream = io.BytesIO(frame(payload) + frame(b"next"))
    assert read_frame(stream) == payload
    assert read_frame(stream) == b"next"
    assert read_frame(stream) is None


def test_a_frame_cut_anywhere_is_no_frame():
    whole = frame(b"result")
    assert all(read_frame(io.BytesIO(whole[:cut])) is None for cut in range(len(whole)))
