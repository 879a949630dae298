"""The choice of a configuration: what spills is dropped, what is faster wins, ties go by warps."""

import pytest

pytest.importorskip("triton", reason="triton is not installed")

CASE = "mmr direct k=1 W=32 fast"


@pytest.fixture(autouse=True)
def temporary_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path))
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)


def test_one_row(monkeypatch, capsys):
    from rep4ex_kernels._triton_table import Configuration
    from rep4ex_kernels.offline import choose
    from rep4ex_kernels.offline.cases import all_cases

    case = next(case for case in all_cases("sm_90") if case.name == CASE)
    spilling, small = Configuration(128, 256, 4, 1), Configuration(64, 32, 4, 2)
    monkeypatch.setattr(choose, "rows_of", lambda *_: {case.row: [case]})
    monkeypatch.setattr(choose, "CANDIDATES", (spilling, small))
    assert choose.judge([case], spilling, "sm_90") is None
    holder = choose.present(case)
    verdict = choose.judge([case], holder, "sm_90")
    assert verdict.bound == pytest.approx(1.0, abs=0.05)
    assert verdict.warps % case.num_warps == 0
    (line,) = choose.choose("sm_90")
    assert line.startswith(f"sm_90 product K=1 W=32: table ({holder.block_m}, {holder.block_n}")
    assert line in capsys.readouterr().out


def test_ties_go_to_the_table_then_by_resident_warps_then_by_shared_memory():
    from rep4ex_kernels._triton_table import Configuration
    from rep4ex_kernels.offline.choose import Verdict, best

    a, b, c = (Configuration(128, 32 * i, 4, 2) for i in (1, 2, 4))
    faster, close, slow = Verdict(a, 1.0, 8, 100), Verdict(b, 1.02, 16, 200), Verdict(c, 1.1, 64, 1)
    assert best([faster, close, slow], c) == close
    assert best([faster, Verdict(b, 1.02, 8, 50)], c).configuration == b
    assert best([faster, close], a) == faster
