"""The gate passes a sound kernel, and each of its checks catches a kernel that breaks it."""

import dataclasses
import tempfile

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
    if "BLOCK_M" in constants:
        changes["pairs"] = constants["BLOCK_M"] * constants["BLOCK_N"]
    return dataclasses.replace(case, constants=constants, **changes)


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
    from rep4ex_kernels.offline.checks import check_stub

    wide = {"BLOCK_M": 256, "BLOCK_N": 256}
    compiled, found = judge(case_named(SOUND, "sm_100", constants=wide, num_warps=8), "sm_100")
    assert any(v.startswith("tensor memory") for v in found), found
    # The code alone gives it away too.
    unknown = dataclasses.replace(compiled, tensor_memory_columns=0)
    assert [v.split(":")[0] for v in check_stub(unknown)] == ["stub"]


def test_too_much_shared_memory_is_caught():
    deep = case_named(
        "mmr split K=64 W=64 fast", constants={"BLOCK_N": 128}, num_warps=8, num_stages=7
    )
    compiled, found = judge(deep)
    assert compiled.shared_bytes > 232448
    assert any(v.startswith("shared memory") for v in found), found


def test_too_many_registers_are_caught(sound):
    # The assembler caps registers so that one block fits, so no compiled kernel can break this.
    from rep4ex_kernels.offline.checks import check_capacity

    compiled, _ = sound
    crowded = dataclasses.replace(compiled, case=dataclasses.replace(compiled.case, num_warps=32))
    assert "registers" in next(iter(check_capacity(crowded, crowded.code)))


def test_an_additional_special_function_is_caught():
    from rep4ex_kernels.mmd.triton_kernel import LAPLACE

    # A root more than the one exponential of a Gaussian.
    _, found = judge(
        case_named("mmd gaussian split K=16 W=32 precise", constants={"KIND": LAPLACE})
    )
    assert any(v.startswith("special functions: expected 1") for v in found), found


def test_a_special_function_where_none_is_planned_is_caught():
    _, found = judge(case_named(SOUND, special=0))
    assert "special functions: expected 0 a pair, found 1" in found


def test_additional_tensor_core_products_are_caught():
    # The plan of one product with the weights, the code of two.
    _, found = judge(case_named(SOUND, constants={"PRECISE": True}))
    assert any(v.startswith("tensor cores: expected 80 multiply-adds") for v in found), found


def test_missing_matrix_instructions_are_caught():
    # Sums on the FMA units where the plan has tensor-core products.
    _, found = judge(case_named("energy direct k=2 W=32 precise", matrix_fma=64.0))
    assert "tensor cores: expected matrix instructions, found none" in found


def test_additional_float64_products_are_caught():
    _, found = judge(case_named("least squares moments k=1", constants={"WEIGHTED": True}))
    assert any(v.startswith("float64: expected 1 products") for v in found), found


def test_a_slow_kernel_breaks_the_fast_cap():
    # Direct differences of any number of features cost more issue slots than an exponential.
    _, found = judge(case_named("mmr direct k=any W=32 precise", ratio_cap=1.1))
    assert any(v.startswith("bound") for v in found), found


def test_a_kernel_that_does_not_compile_is_a_violation(monkeypatch):
    from rep4ex_kernels.offline import gate

    bad = case_named(SOUND, constants={"BLOCK_N": 48})
    sound = case_named("mmr direct k=1 W=32 fast")
    monkeypatch.setattr(gate, "all_cases", lambda _: [bad, sound])
    broken, passed = gate.run_cases([0, 1], "sm_90")
    assert "does not compile" in broken.violations[0]
    # The case beside it is compiled and read all the same.
    assert (passed.case, passed.violations) == (sound.name, ())
    assert passed.columns[6] == "special"


def test_kernels_that_are_disassembled_together_are_told_apart():
    import subprocess

    from rep4ex_kernels.offline import compiling, sass

    names = ("mmr direct k=1 W=32 fast", "hsic row sums direct k=any", "mmr direct k=1 W=32 fast")
    cubins = [compiling._compile(case_named(name), "sm_90").asm["cubin"] for name in names]
    together = sass.read(cubins, "sm_90")
    for cubin, code in zip(cubins, together, strict=True):
        (alone,) = sass.read([cubin], "sm_90")
        assert (code.registers, code.stack, code.local) == (alone.registers, 0, 0)
        assert [i.opcode for i in code.instructions] == [i.opcode for i in alone.instructions]
        assert [i.opcode for i in code.loop] == [i.opcode for i in alone.loop]
    # The other tool agrees.
    with tempfile.NamedTemporaryFile() as file:
        file.write(cubins[1])
        file.flush()
        command = [sass.tool("cuobjdump"), "-sass", file.name]
        text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    opcodes = [i.opcode for i in sass.parse(text)]
    assert opcodes == [i.opcode for i in together[1].instructions]


def test_on_amd_a_sound_kernel_passes_and_what_is_wrong_is_caught():
    from rep4ex_kernels.offline.checks import violations
    from rep4ex_kernels.offline.compiling import compile_case

    compiled = compile_case(case_named(SOUND, "gfx942"), "gfx942")
    assert violations(compiled, None) == []
    assert compiled.assembly.matrix_instructions > 0
    # One wavefront holds a tile that needs more than its 512 registers.
    wide = {"BLOCK_M": 128, "BLOCK_N": 128}
    crowded = case_named(SOUND, "gfx942", constants=wide, num_warps=1)
    assert any(v.startswith("spill") for v in violations(compile_case(crowded, "gfx942"), None))
    # Sums on the FMA units where the plan has tensor-core products.
    flat = case_named("energy direct k=2 W=32 precise", "gfx942", matrix_fma=64.0)
    found = violations(compile_case(flat, "gfx942"), None)
    assert found == ["tensor cores: expected matrix instructions, found none"]
    large = dataclasses.replace(compiled, shared_bytes=65537)
    assert violations(large, None)[0].startswith("shared memory: expected at most 65536")


@pytest.mark.parametrize("target", ["sm_80", "sm_90", "sm_100", "gfx942"])
def test_the_quick_gate_leaves_out_no_row_kernel_mode_or_cap(target):
    from rep4ex_kernels.offline.cases import all_cases
    from rep4ex_kernels.offline.selection import coverage, essential

    cases = all_cases(target)
    chosen = [cases[i] for i in essential(cases, target)]
    assert len(chosen) < 0.7 * len(cases)
    if target != "gfx942":
        assert {c.row for c in chosen} == {c.row for c in cases}
    assert {c.kernel for c in chosen} == {c.kernel for c in cases}
    if target == "sm_90":
        assert [c for c in chosen if c.ratio_cap] == [c for c in cases if c.ratio_cap]
    everything = set.union(*(coverage(c, target) for c in cases))
    assert set.union(*(coverage(c, target) for c in chosen)) == everything


def test_every_row_of_the_table_belongs_to_a_case():
    from rep4ex_kernels._triton_table import _PAIR_ROWS
    from rep4ex_kernels.offline.cases import all_cases

    for target, families in _PAIR_ROWS.items():
        rows = {(f, *key) for f, keys in families.items() for key in keys}
        assert rows == {case.row for case in all_cases(target) if case.row}


def test_sizes_of_one_compile():
    # A launch turns an integer argument that is one into a constant; no interpreter does.
    from rep4ex_kernels.offline.compiling import compile_cases

    ones = ("k", "p", "q", "d", "batches", "first_splits")
    names = (
        "mmr direct k=1 W=32 fast", "mmd gaussian direct k=1 W=32 fast", "energy split K=16 W=32 "
        "precise", "hsic row sums direct k=any", "hsic weights direct k=any W=32 fast",
        "least squares moments k=1", "least squares solve k=1", "least squares residual",
    )  # fmt: skip
    cases = []
    for case in map(case_named, names):
        constants = {**case.constants, **{n: 1 for n in ones if n in case.signature}}
        signature = {n: kind for n, kind in case.signature.items() if n not in ones}
        cases.append(dataclasses.replace(case, constants=constants, signature=signature))
    for compiled in compile_cases(cases, "sm_90"):
        assert not isinstance(compiled, Exception), compiled
        assert compiled.code.instructions
        assert compiled.code.stack == 0


# The widest HSIC kernel keeps eight registers in memory on sm_120: slower, not wrong.
@pytest.mark.parametrize(("target", "stack"), [("sm_86", 0), ("sm_89", 0), ("sm_120", 32)])
def test_the_rows_of_sm_80_serve_smaller_gpus(target, stack):
    from rep4ex_kernels.offline.cases import all_cases
    from rep4ex_kernels.offline.compiling import compile_cases

    names = ("mmr split K=64 W=64 precise", "hsic weights split K=64 W=32 precise")
    cases = [case for case in all_cases("sm_80") if case.name in names]
    for compiled in compile_cases(cases, target):
        assert compiled.shared_bytes <= 101376
        assert compiled.code.stack <= stack
        assert compiled.code.matrix_instructions > 0


def test_the_exit_status_reports_a_violation(monkeypatch, capsys):
    from rep4ex_kernels.offline import __main__ as command
    from rep4ex_kernels.offline.gate import Row

    bad = Row("kernel", "sm_90", ("",) * 10, ("spill: found one",))
    monkeypatch.setattr(command, "run", lambda *_: [bad])
    assert command.main([]) == 1
    assert "VIOLATION kernel sm_90: spill" in capsys.readouterr().err
    monkeypatch.setattr(command, "run", lambda *_: [dataclasses.replace(bad, violations=())])
    assert command.main([]) == 0


def test_the_document_names_its_command_and_holds_every_row(tmp_path, monkeypatch):
    from rep4ex_kernels.offline import __main__ as command
    from rep4ex_kernels.offline.gate import Row

    row = Row("some kernel", "sm_90", ("",) * 10, ())
    monkeypatch.setattr(command, "run", lambda *_: [row])
    path = tmp_path / "kernels.md"
    assert command.main(["--markdown", str(path)]) == 0
    text = path.read_text()
    assert "python -m rep4ex_kernels.offline --markdown" in text
    assert "| some kernel | sm_90" in text
