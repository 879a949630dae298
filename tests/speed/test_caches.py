"""Compiled code of a first call is added to the run's, and never written over what is there."""

from pathlib import Path

from rep4ex_bench.speed.caches import Caches


def test_what_a_first_call_compiled_is_kept_but_nothing_is_replaced(tmp_path):
    caches = Caches(tmp_path)
    folders = {name: Path(value) for name, value in caches.environment().items()}
    loaded = folders["TORCHINDUCTOR_CACHE_DIR"] / "loaded.so"
    loaded.write_text("code that a process has mapped")
    before = loaded.stat()
    with caches.empty() as empty:
        cold = {name: Path(value) for name, value in empty.environment().items()}
        assert set(cold) == set(folders)
        assert not any(any(folder.iterdir()) for folder in cold.values())
        (cold["TORCHINDUCTOR_CACHE_DIR"] / "loaded.so").write_text("the same code, compiled again")
        (cold["TORCHINDUCTOR_CACHE_DIR"] / "fresh.so").write_text("fresh")
        (cold["KEOPS_CACHE_FOLDER"] / "paths.pkl").write_text("holds absolute paths")
        empty.keep()
    after = loaded.stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert (folders["TORCHINDUCTOR_CACHE_DIR"] / "fresh.so").read_text() == "fresh"
    assert not (folders["KEOPS_CACHE_FOLDER"] / "paths.pkl").exists()
    assert not list(tmp_path.glob("first-call-*"))


def test_first_calls_are_remembered(tmp_path):
    assert Caches(tmp_path).first_call("formula") is None
    Caches(tmp_path).keep_first_call("formula", 2.5)
    Caches(tmp_path).keep_first_call("other", 3.0)
    assert Caches(tmp_path).first_call("formula") == 2.5
