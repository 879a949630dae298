"""The gate passes a sound kernel, and each of its checks catches a kernel that breaks it."""

import dataclasses

import pytest

pytest.importorskip("triton", reason="triton is not installed")

SOUND = "mmr split K=16 W=32 fast"


@pytest.fixture(scope="module", autouse=True)
def temporary_cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRITON_CACHE_DIR", str(tmp_path_factory.mktemp("triton")))
        patch.delenv("TRITON_INTERPRET", raising=False)
        yield


def case_named(name, target="sm_90", **changes):
    from rep4ex_kernels.offline.cases import all_cases

    case = next(case for case in all_cases(target) if case.name == name)
    constants = {**case.constants, **changes.pop("constants", {})}
    pairs = constants["BLOCK_M"] * constants["BLOCK_N"]
    return dataclasses.replace(case, constants=constants, pairs=pairs, **changes)


def judge(case, target="sm_90"):
    from rep4ex_kernels.offline.checks import violations
    from rep4ex_kernels.offline.compiling import compile_case
    from rep4ex_kernels.offline.model import ARCHITECTURES, estimate

    compiled = compile_case(case, target)
    judged = estimate(compiled, compiled.code, ARCHITECTURES[target])
    return compiled, violations(compiled, judged)


@pytest.fixture(scope="module")
def sound():
    return judge(case_named(SOUND))


def test_a_sound_kernel_passes(sound):
    compiled, found = sound
    assert found == []
    assert compiled.code.matrix_instructions > 0


def test_spills_are_caught():
    _, found = judge(case_named(SOUND, constants={"BLOCK_N": 256}, num_stages=1))
    assert any(v.startswith("spill") for v in found), found


def test_a_stub_is_caught():
    wide = {"BLOCK_M": 256, "BLOCK_N": 256}
    _, found = judge(case_named(SOUND, "sm_100", constants=wide, num_warps=8), "sm_100")
    assert any("tensor memory" in v or v.startswith("stub") for v in found), found


def test_too_much_shared_memory_is_caught(sound):
    from rep4ex_kernels.offline.checks import check_capacity

    compiled, _ = sound
    greedy = dataclasses.replace(compiled, shared_bytes=10**6)
    assert "shared memory" in next(iter(check_capacity(greedy, greedy.code)))


def test_too_many_registers_are_caught(sound):
    from rep4ex_kernels.offline.checks import check_capacity

    compiled, _ = sound
    crowded = dataclasses.replace(compiled, case=dataclasses.replace(compiled.case, num_warps=32))
    assert "registers" in next(iter(check_capacity(crowded, crowded.code)))


@pytest.mark.parametrize(
    ("change", "message"),
    [({"special": 2}, "special functions"), ({"matrix_fma": 96.0}, "tensor cores"),
     ({"ratio_cap": 0.9}, "bound")],
)  # fmt: skip
def test_a_departure_from_the_plan_is_caught(sound, change, message):
    from rep4ex_kernels.offline.checks import violations
    from rep4ex_kernels.offline.model import ARCHITECTURES, estimate

    compiled, _ = sound
    changed = dataclasses.replace(compiled, case=dataclasses.replace(compiled.case, **change))
    judged = estimate(changed, changed.code, ARCHITECTURES["sm_90"])
    assert any(v.startswith(message) for v in violations(changed, judged))


def test_a_slow_kernel_breaks_the_fast_cap():
    # Direct differences of any number of features cost more issue slots than an exponential.
    case = case_named("mmr direct k=any W=32 precise", ratio_cap=1.1)
    _, found = judge(case)
    assert any(v.startswith("bound") for v in found), found


def test_missing_matrix_instructions_are_caught(sound):
    from rep4ex_kernels.offline.checks import check_plan

    compiled, _ = sound
    code = dataclasses.replace(compiled.code, instructions=(), loop=())
    assert any("found none" in v for v in check_plan(compiled, code))


def test_the_exit_status_reports_a_violation(monkeypatch, capsys):
    from rep4ex_kernels.offline import __main__ as command
    from rep4ex_kernels.offline.gate import Row

    bad = Row("kernel", "sm_90", ("",) * 10, ("spill: found one",))
    monkeypatch.setattr(command, "run", lambda *_: [bad])
    assert command.main([]) == 1
    assert "VIOLATION kernel sm_90: spill" in capsys.readouterr().err
    monkeypatch.setattr(command, "run", lambda *_: [dataclasses.replace(bad, violations=())])
    assert command.main([]) == 0
