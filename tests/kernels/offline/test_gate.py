"""The gate passes a sound kernel, and each of its checks catches a kernel that breaks it."""

import csv
import dataclasses
import tempfile

import pytest

pytest.importorskip("triton", reason="triton is not installed")

SOUND = "mmr split K=16 W=16 fast"


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
    wide = {"BLOCK_M": 128, "BLOCK_N": 256}
    _, found = judge(case_named(SOUND, constants=wide, num_stages=1))
    assert any(v.startswith("spill") for v in found), found


def test_registers_may_be_put_aside_only_where_there_are_others_left_and_no_pairs(sound):
    from rep4ex_kernels.offline.checks import check_spills
    from rep4ex_kernels.offline.sass import Instruction

    compiled, _ = sound
    load = Instruction(0, "LDL.64", " R2, [R1]")
    code = compiled.code
    beside = dataclasses.replace(code, stack=16, instructions=(*code.instructions, load))
    inside = dataclasses.replace(beside, loop=(*code.loop, load))
    full = dataclasses.replace(beside, registers=255)
    linear = dataclasses.replace(compiled, case=dataclasses.replace(compiled.case, row=None))
    assert list(check_spills(linear, beside)) == []
    for case, machine_code in ((compiled, beside), (linear, inside), (linear, full)):
        (found,) = check_spills(case, machine_code)
        assert found.endswith("found stack 16, local 0, 1 local loads and stores")


def test_a_stub_is_caught():
    from rep4ex_kernels.offline.checks import check_stub

    wide = {"BLOCK_M": 256, "BLOCK_N": 256}
    compiled, found = judge(case_named(SOUND, "sm_100", constants=wide, num_warps=8), "sm_100")
    assert any(v.startswith("tensor memory") for v in found), found
    # The code alone gives it away too.
    unknown = dataclasses.replace(compiled, tensor_memory_columns=0)
    assert [v.split(":")[0] for v in check_stub(unknown)] == ["stub"]


def test_too_much_shared_memory_is_caught():
    deep = case_named("mmr split K=256 W=32 precise", constants={"BLOCK_N": 128}, num_stages=5)
    compiled, found = judge(deep)
    assert compiled.shared_bytes > 232448
    assert any(v.startswith("shared memory") for v in found), found


def test_too_many_registers_are_caught(sound):
    # The assembler caps registers so that one block fits, so no compiled kernel can break this.
    from rep4ex_kernels.offline.checks import check_capacity

    compiled, _ = sound
    crowded = dataclasses.replace(compiled, case=dataclasses.replace(compiled.case, num_warps=32))
    assert "registers" in next(iter(check_capacity(crowded, crowded.code)))


def test_room_for_too_few_warps_is_caught(sound):
    # Tiles of twice the rows need twice the registers, so half as many programs fit.
    crowded, found = judge(case_named(SOUND, constants={"BLOCK_M": 128}))
    assert crowded.code.stack == 0
    assert any(v.startswith("occupancy: expected room for 16 warps") for v in found), found


def test_a_size_that_would_be_compiled_in_is_caught():
    import triton
    import triton.language as tl

    from rep4ex_kernels.offline.case import Case, signature_of
    from rep4ex_kernels.offline.checks import check_specialisation

    def body(out_ptr, n, m, BLOCK: tl.constexpr):
        tl.store(out_ptr + tl.arange(0, BLOCK), n + m)

    def found(kernel):
        types = signature_of(kernel, {"out_ptr": "*i32"})
        return list(check_specialisation(Case("", kernel, types, {"BLOCK": 16}, 4, 1)))

    assert found(triton.jit(body, do_not_specialize=["n", "m"])) == []
    (violation,) = found(triton.jit(body, do_not_specialize=["n"]))
    assert violation == "specialisation: expected none of numbers, found that of m"


def test_types_of_all_pointers_must_be_known():
    from rep4ex_kernels.mmr.triton_kernel import pair_kernel
    from rep4ex_kernels.offline.case import signature_of

    with pytest.raises(ValueError, match="expected the type of columns_ptr"):
        signature_of(pair_kernel, {})


def test_an_additional_special_function_is_caught():
    # The distance of a Laplace kernel is a root more than the plan of one exponential.
    _, found = judge(case_named("mmd laplace split K=32 W=32 precise", special=1))
    assert any(v.startswith("special functions: expected 1 a pair, found 2") for v in found), found


def test_a_special_function_where_none_is_planned_is_caught():
    _, found = judge(case_named(SOUND, special=0))
    assert "special functions: expected 0 a pair, found 1" in found


def test_additional_tensor_core_products_are_caught():
    # The plan of one product with the weights, the code of two.
    _, found = judge(case_named(SOUND, constants={"PRECISE": True}))
    assert any(v.startswith("tensor cores: expected 32 multiply-adds") for v in found), found


def test_missing_matrix_instructions_are_caught():
    # Sums on the FMA units where the plan has tensor-core products.
    _, found = judge(case_named("energy direct d=2 W=4 precise", matrix_fma=64.0))
    assert "tensor cores: expected matrix instructions, found none" in found


def test_additional_float64_products_are_caught():
    compiled, found = judge(case_named("least squares centred moments k=4 d=8"))
    assert found == []
    _, found = judge(case_named(compiled.case.name, constants={"WEIGHTED": True}))
    assert any(v.startswith("float64: expected 1 products") for v in found), found


def test_a_slow_kernel_breaks_the_fast_cap():
    # Direct differences of any number of features cost more issue slots than an exponential.
    _, found = judge(case_named("mmr direct k=any W=16 precise", ratio_cap=1.1))
    assert any(v.startswith("throughput: expected at most 1.1 times") for v in found), found


def test_a_kernel_that_does_not_compile_is_a_violation(monkeypatch):
    from rep4ex_kernels.offline import gate

    bad = case_named(SOUND, constants={"BLOCK_N": 48})
    sound = case_named(SOUND)
    monkeypatch.setattr(gate, "all_cases", lambda _: [bad, sound])
    broken, passed = gate.run_cases([0, 1], "sm_90")
    assert "does not compile" in broken.violations[0]
    # The case beside it is compiled and read all the same.
    assert (passed.case, passed.violations) == (sound.name, ())
    assert passed.columns[gate.HEADER.index("limit")] == "special"


def test_kernels_that_are_disassembled_together_are_told_apart():
    import subprocess

    from rep4ex_kernels.offline import compiling, sass

    names = ("mmr direct k=1 W=16 fast", "least squares factor k=4", "mmr direct k=1 W=16 fast")
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
    flat = case_named("energy direct d=2 W=4 precise", "gfx942", matrix_fma=64.0)
    found = violations(compile_case(flat, "gfx942"), None)
    assert found == ["tensor cores: expected matrix instructions, found none"]
    large = dataclasses.replace(compiled, shared_bytes=65537)
    assert violations(large, None)[0].startswith("shared memory: expected at most 65536")


@pytest.mark.parametrize("target", ["sm_80", "sm_90", "sm_100", "gfx942"])
def test_the_quick_gate_leaves_out_no_kernel_and_on_one_target_no_value_of_a_mode(target):
    from rep4ex_kernels.offline.cases import all_cases
    from rep4ex_kernels.offline.selection import FULLEST, SIZES, essential

    def modes(cases):
        return {(c.kernel, n, v) for c in cases for n, v in c.constants.items() if n not in SIZES}

    cases = all_cases(target)
    chosen = [cases[i] for i in essential(cases, target)]
    assert len(chosen) < 0.5 * len(cases)
    allowed = [c for c in cases if c.quick_targets is None or target in c.quick_targets]
    assert {c.kernel for c in chosen} == {c.kernel for c in allowed}
    if target == FULLEST:
        assert {c.kernel for c in chosen} == {c.kernel for c in cases}
        assert {c.row[0] for c in chosen if c.row} == {c.row[0] for c in cases if c.row}
        assert modes(chosen) == modes(cases)
        assert {c.ratio_cap for c in chosen} == {c.ratio_cap for c in cases}


def test_a_quick_gate_prefers_common_sizes_and_obeys_targets():
    from rep4ex_kernels.offline.selection import essential

    case = case_named(SOUND)
    large = dataclasses.replace(case, common=False)
    small = dataclasses.replace(case, common=True)
    assert essential([large, small], "sm_90") == [1]
    elsewhere = dataclasses.replace(small, quick_targets=("sm_80",))
    assert essential([large, elsewhere], "sm_90") == [0]
    assert essential([large, elsewhere], "sm_80") == [1]


@pytest.mark.parametrize("target", ["sm_80", "sm_90", "sm_100", "gfx942"])
def test_names_are_unique_and_no_number_is_compiled_in(target):
    from rep4ex_kernels.offline.cases import all_cases
    from rep4ex_kernels.offline.checks import check_specialisation

    cases = all_cases(target)
    names = [case.name for case in cases]
    assert len(set(names)) == len(names)
    for case in cases:
        assert list(check_specialisation(case)) == [], case.name


def test_the_parameters_of_sm_80_serve_smaller_gpus():
    from rep4ex_kernels.offline.cases import all_cases
    from rep4ex_kernels.offline.compiling import compile_cases

    common, largest = "mmr pairs K=16 W=16 precise", "mmr pairs K=256 W=32 precise"
    by_name = {case.name: case for case in all_cases("sm_80")}
    for target, names in {
        "sm_86": (common, largest),  # the least shared memory, and the case with the most
        "sm_89": (common,),
        "sm_120": (common,),
    }.items():
        for compiled in compile_cases([by_name[name] for name in names], target):
            assert compiled.shared_bytes <= 101376
            assert compiled.code.stack == 0
            assert compiled.code.matrix_instructions > 0


def test_the_exit_status_reports_a_violation(monkeypatch, capsys):
    from rep4ex_kernels.offline import __main__ as command
    from rep4ex_kernels.offline.gate import HEADER, Row

    bad = Row("kernel", "sm_90", ("",) * len(HEADER), ("spill: found one",))
    monkeypatch.setattr(command, "run", lambda *_: [bad])
    assert command.main([]) == 1
    assert "VIOLATION kernel sm_90: spill" in capsys.readouterr().err
    monkeypatch.setattr(command, "run", lambda *_: [dataclasses.replace(bad, violations=())])
    assert command.main([]) == 0


def test_the_document_names_its_command_and_the_data_hold_every_row(tmp_path, monkeypatch):
    from rep4ex_kernels.offline import __main__ as command
    from rep4ex_kernels.offline.gate import HEADER, Row

    figures = dict.fromkeys(HEADER, "")
    known = figures | {"throughput / floor": "1.50", "larger / floor": "2.50", "limit": "a, b"}
    rows = [
        Row("some kernel", "sm_90", tuple(figures.values()), ()),
        Row("another", "sm_90", tuple(known.values()), ()),
        Row("a third", "gfx942", tuple(figures.values()), ("does not compile: no",)),
    ]
    monkeypatch.setattr(command, "run", lambda *_: rows)
    path = tmp_path / "kernels.md"
    assert command.main(["--markdown", str(path)]) == 1
    text = path.read_text()
    assert "python -m rep4ex_kernels.offline --markdown" in text
    assert "[kernels.csv](kernels.csv)" in text
    assert "| sm_90 | 2 | 1 | 1.50 | 1.50 | 2.50 | 2.50 |" in text
    assert "gfx942 (1 cases, 1 failed to compile)" in text
    assert len(text.splitlines()) <= 60
    with (tmp_path / "kernels.csv").open(newline="") as stream:
        header, *found = csv.reader(stream)
    assert tuple(header) == ("kernel", "target", *HEADER)
    assert [tuple(row) for row in found] == [(r.case, r.target, *r.columns) for r in rows]
