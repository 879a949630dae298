"""Whatever is wrong with a saved fit, the error is this package's own and says what to do."""

import hashlib
import json
import struct
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import load, save

from rep4ex_bench import FittedMethod, Method, get_method, get_scenario, load_fitted, register
from rep4ex_bench.errors import FittedFileError, OutputWriteError, UsageError
from rep4ex_bench.registry import METHODS


@pytest.fixture(scope="module")
def task():
    return get_scenario("linear_action", k=1, d=1, m=3, n=60).sample(3)


@pytest.fixture(scope="module")
def saved(task, tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved")
    get_method("two_stage", second_stage="splines").fit(task.train, 0, "cpu").save(folder)
    return folder


@pytest.fixture
def files(saved, tmp_path):
    """A copy of the folder, to break."""
    for file in saved.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    return tmp_path


def write_json(folder, contents):
    """Write contents with the hash that belongs to them, as a forger would."""
    contents = {key: value for key, value in contents.items() if key != "sha256"}
    canonical = json.dumps(contents, sort_keys=True, separators=(",", ":"))
    contents["sha256"] = hashlib.sha256(canonical.encode()).hexdigest()
    (folder / "fitted.json").write_text(json.dumps(contents))


def read_json(folder):
    return json.loads((folder / "fitted.json").read_text())


def write_tensors(folder, tensors):
    raw = save(tensors)
    (folder / "tensors.safetensors").write_bytes(raw)
    write_json(folder, read_json(folder) | {"tensors_sha256": hashlib.sha256(raw).hexdigest()})


def read_tensors(folder):
    return load((folder / "tensors.safetensors").read_bytes())


COEFFICIENTS = "stage/coefficients"


def change(*path):
    """Return what replaces the value at a place of the JSON by what it is given."""

    def replace(contents, value):
        *before, last = path
        for key in before:
            contents = contents[key]
        contents[last] = value

    return replace


STAGE = ("fitted", "state", "stage")
ARRAY = (*STAGE, "state", "coefficients")


@pytest.mark.parametrize(
    ("place", "value", "said"),
    [
        (("format",), "another", "not of a fitted method"),
        (("format_version",), 2, "format version 2.*reads 1"),
        (("format_version",), None, "format version None"),
        (("surplus",), 1, "surplus is no key"),
        (("method",), 3, "method must be a text"),
        (("method",), "rep4x", "unknown method 'rep4x'.*did you mean 'rep4ex'"),
        (("method_version",), 99, "version 99 of 'two_stage', here is version 1"),
        (("parameters",), {"width": 3}, "unknown parameter"),
        (("parameters", "representation"), {"name": "os"}, "unknown representation 'os'"),
        (("parameters", "second_stage", "version"), 7, "version"),
        (("fitted",), {"kind": "pickle"}, "a kind out of .*got pickle"),
        (("fitted",), {"kind": ["tuple"]}, "a kind out of"),
        (("fitted",), {}, "a kind out of .*got None"),
        (("fitted",), {"kind": "tuple", "items": []}, "only what fitted.json names, got beside"),
        ((*STAGE, "type"), "os.system", "a class that can be saved, got os.system"),
        ((*STAGE, "type"), "rep4ex_bench.method.FittedMethod", "what FittedMethod takes"),
        ((*STAGE, "type"), 3, "a class that can be saved"),
        ((*STAGE, "code"), "print()", "the keys kind, state, type"),
        ((*STAGE, "state"), [], "a dict"),
        ((*STAGE, "state", "mean_psi"), "1", "mean_psi.*must be a number"),
        ((*STAGE, "state", "mean_psi"), {"kind": "float", "value": "1"}, "one of -inf, inf, nan"),
        ((*STAGE, "state", "regression"), None, "regression.*instance of FittedAdditive"),
        ((*STAGE, "state", "surplus"), None, "surplus is no key"),
        ((*STAGE, "state"), {"kind": "dict"}, "coefficients is missing"),
        ((*ARRAY, "tensor"), "stage/residual", "a tensor that nothing else takes"),
        ((*ARRAY, "tensor"), {}, "a tensor that nothing else takes"),
        ((*ARRAY, "axes"), [0, 0], "an order of 2 axes"),
        ((*ARRAY, "axes"), [True, False], "an order of 2 axes"),
        ((*ARRAY, "axes"), None, "an order of 2 axes"),
        (ARRAY, 1.5, "coefficients.*instance of ndarray, got 1.5"),
        (("tensors", COEFFICIENTS, "dtype"), "float32", "expected float32 .* got float64"),
        (("tensors", COEFFICIENTS, "shape"), [3, 1], r"shape \(3, 1\), got .*\(2, 1\)"),
        (("tensors", "more"), {"dtype": "bool", "shape": []}, "'more': expected bool .* got none"),
        (("tensors_sha256",), "0" * 64, "is not the file"),
    ],
)
def test_a_changed_value_of_the_json(files, place, value, said):
    contents = read_json(files)
    change(*place)(contents, value)
    write_json(files, contents)
    with pytest.raises(FittedFileError, match=f"(?s){said}"):
        load_fitted(files)


def test_a_number_that_json_has_no_word_for(files):
    text = (files / "fitted.json").read_text()
    (files / "fitted.json").write_text(text.replace('"method_version": 1', '"method_version": NaN'))
    with pytest.raises(FittedFileError, match="numbers must be finite, got NaN"):
        load_fitted(files)


def test_a_deep_json(files):
    for text in ("[" * 100_000, '{"format": ' * 100_000):
        (files / "fitted.json").write_text(text)
        with pytest.raises(FittedFileError, match="is no JSON"):
            load_fitted(files)


def test_a_deep_value(files):
    contents, deep = read_json(files), None
    for _ in range(80):
        deep = [deep]
    contents["fitted"]["state"]["m"] = deep
    write_json(files, contents)
    with pytest.raises(FittedFileError, match="at most 60 levels"):
        load_fitted(files)


def test_what_is_no_fitted_method(files):
    write_json(files, read_json(files) | {"fitted": {"kind": "tuple", "items": []}, "tensors": {}})
    write_tensors(files, {})
    with pytest.raises(FittedFileError, match="must hold a fitted method, got a tuple"):
        load_fitted(files)


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (lambda t: t.pop(COEFFICIENTS), "expected float64 of shape .* got none"),
        (lambda t: t.update(more=torch.zeros(2)), "'more': expected none, got float32"),
        (lambda t: t.update({COEFFICIENTS: torch.zeros(2, 1)}), "expected float64 .* got float32"),
        (lambda t: t.update({COEFFICIENTS: t[COEFFICIENTS].T.contiguous()}), r"got .*\(1, 2\)"),
        (lambda t: t[COEFFICIENTS].fill_(float("nan")), "expected finite values"),
        (lambda t: t[COEFFICIENTS].fill_(float("inf")), "expected finite values"),
    ],
)
def test_changed_tensors(files, edit, said):
    tensors = read_tensors(files)
    edit(tensors)
    write_tensors(files, tensors)
    with pytest.raises(FittedFileError, match=said):
        load_fitted(files)


def test_a_surplus_tensor_that_the_json_knows(files):
    tensors = read_tensors(files) | {"more": torch.zeros(2)}
    write_tensors(files, tensors)
    contents = read_json(files)
    contents["tensors"]["more"] = {"dtype": "float32", "shape": [2]}
    write_json(files, contents)
    with pytest.raises(FittedFileError, match=r"must hold only what .* 'more'"):
        load_fitted(files)


@pytest.mark.parametrize(
    "raw",
    [b"", b"\x00" * 8, struct.pack("<Q", 2**60), struct.pack("<Q", 2) + b"{}x", b"junk" * 40],
)
def test_what_is_no_safetensors_file_but_has_the_right_hash(files, raw):
    (files / "tensors.safetensors").write_bytes(raw)
    write_json(files, read_json(files) | {"tensors_sha256": hashlib.sha256(raw).hexdigest()})
    with pytest.raises(FittedFileError, match=r"no safetensors file|got none"):
        load_fitted(files)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_no_changed_byte_and_no_cut_goes_unseen(saved, tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("broken")
    name = data.draw(st.sampled_from(["fitted.json", "tensors.safetensors"]))
    for file in saved.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    raw = bytearray((saved / name).read_bytes())
    place = data.draw(st.integers(0, len(raw) - 1))
    if data.draw(st.booleans()):
        raw = raw[:place]
    else:
        raw[place] ^= data.draw(st.integers(1, 255))
    (folder / name).write_bytes(raw)
    try:
        load_fitted(folder)
    except FittedFileError:
        return
    # white space of the JSON says nothing
    assert name == "fitted.json"
    assert json.loads(raw) == read_json(saved)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_what_a_forger_writes_raises_nothing_else(saved, tmp_path_factory, data):
    """One value anywhere in the JSON becomes another, and the hash is made to fit."""
    folder = tmp_path_factory.mktemp("forged")
    contents = read_json(saved)
    del contents["sha256"]
    place, parent, key = contents, None, None
    while isinstance(place, dict | list) and place and (parent is None or data.draw(st.booleans())):
        keys = sorted(place) if isinstance(place, dict) else range(len(place))
        parent, key = place, data.draw(st.sampled_from(list(keys)))
        place = parent[key]
    scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, width=32)
    values = st.recursive(
        scalars | st.text(max_size=5), lambda one: st.lists(one) | st.dictionaries(st.text(), one)
    )
    parent[key] = data.draw(values.filter(lambda value: value not in (float("inf"), -float("inf"))))
    (folder / "tensors.safetensors").write_bytes((saved / "tensors.safetensors").read_bytes())
    write_json(folder, contents)
    try:
        fitted = load_fitted(folder)
    except FittedFileError:
        return
    assert isinstance(fitted, FittedMethod)


@pytest.mark.parametrize("name", ["fitted.json", "tensors.safetensors"])
def test_a_file_that_is_not_there(files, name):
    (files / name).unlink()
    with pytest.raises(FittedFileError, match=rf"{name} cannot be read.*fitted.save\(folder\)"):
        load_fitted(files)
    (files / name).mkdir()
    with pytest.raises(FittedFileError, match=f"{name} cannot be read"):
        load_fitted(files)


def test_files_of_two_fits_do_not_go_together(files, task, tmp_path):
    other = get_method("two_stage", second_stage="splines").fit(task.train, 0, "cpu")
    other._k = 2
    other.save(tmp_path / "other")
    fitted = get_method("ols_on_actions").fit(task.train, 0, "cpu")
    fitted.save(tmp_path / "third")
    raw = (tmp_path / "third" / "tensors.safetensors").read_bytes()
    (files / "tensors.safetensors").write_bytes(raw)
    with pytest.raises(FittedFileError, match="is not the file"):
        load_fitted(files)


def test_a_folder_that_cannot_be_written(task, tmp_path):
    (tmp_path / "file").write_text("no folder")
    fitted = get_method("constant_mean").fit(task.train, 0, "cpu")
    with pytest.raises(OutputWriteError):
        fitted.save(tmp_path / "file" / "folder")


class Plain(Method):
    """Its fit says what it holds, but for the word that a test puts there."""

    name = "plain_for_saving"

    def fit(self, train, seed=0, device="auto"):
        return FittedPlain(train.outcome.double().numpy(), [1, (2.5, None)], {"a/b": "text"})


@dataclass(frozen=True)
class FittedPlain(FittedMethod):
    outcome: np.ndarray
    more: list
    named: dict

    def predict_do(self, actions):
        return np.full(len(actions), self.outcome.mean())


@pytest.fixture
def plain(monkeypatch):
    monkeypatch.setattr(METHODS, "_registered", {})
    register(Plain)
    return Plain()


def test_a_method_of_ones_own_takes_part(plain, task, tmp_path):
    fitted = plain.fit(task.train)
    fitted.save(tmp_path)
    loaded = load_fitted(tmp_path)
    assert isinstance(loaded, FittedPlain)
    assert loaded.outcome.tobytes() == fitted.outcome.tobytes()
    assert (loaded.more, loaded.named) == (fitted.more, fitted.named)
    METHODS._registered.clear()
    with pytest.raises(FittedFileError, match=r"unknown method.*register it, before"):
        load_fitted(tmp_path)


class FittedSilent(FittedMethod):
    def predict_do(self, actions):
        return np.zeros(len(actions))


def test_a_fit_that_does_not_say_what_it_holds(tmp_path):
    with pytest.raises(UsageError, match=r"FittedSilent cannot be saved.*write `state\(self\)`"):
        FittedSilent().save(tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (object(), "more/0: expected None.* got a object"),
        (lambda: 1, "got a function"),
        ({1: 2}, "keys must be texts, got 1"),
        (np.array(["text"]), "expected one of the dtypes"),
        (np.array([1j]), "got complex128"),
        (np.array([1.0, np.nan]), "more/0: expected finite values"),
        (torch.tensor([float("inf")]), "expected finite values"),
        (b"bytes", "got a bytes"),
    ],
)
def test_what_has_no_place_in_the_files(plain, task, tmp_path, value, said):
    fitted = plain.fit(task.train)
    fitted.more[0] = value
    with pytest.raises(UsageError, match=f"cannot save {said}" if "more" in said else said):
        fitted.save(tmp_path)
    assert not list(tmp_path.iterdir())


def test_an_object_that_holds_itself(plain, task, tmp_path):
    fitted = plain.fit(task.train)
    fitted.more.append(fitted)
    with pytest.raises(UsageError, match="does an object hold itself"):
        fitted.save(tmp_path)


@pytest.mark.parametrize(
    "value",
    [
        np.float32(1.5),
        np.int64(-3),
        np.array(2.0),
        np.zeros((0, 3)),
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        np.arange(24).reshape(2, 3, 4).transpose(1, 2, 0),
        np.arange(10)[::-2],
        torch.arange(6.0).reshape(2, 3).T,
        torch.tensor([True, False]),
        torch.tensor([1.5], dtype=torch.bfloat16),
        float("nan"),
        -0.0,
        2**70,
        "\ud800",
        (),
    ],
    ids=lambda value: type(value).__name__,
)
def test_values_come_back_with_type_and_order_of_axes(plain, task, tmp_path, value):
    fitted = plain.fit(task.train)
    fitted.more[0] = value
    fitted.save(tmp_path)
    found = load_fitted(tmp_path).more[0]
    assert type(found) is type(value)
    if isinstance(value, np.ndarray | torch.Tensor):
        assert (found.shape, found.dtype) == (value.shape, value.dtype)
        assert bool((found == value).all())
        steps = (
            one.stride() if isinstance(one, torch.Tensor) else one.strides for one in (found, value)
        )
        orders = [np.argsort([-abs(step) for step in one], kind="stable").tolist() for one in steps]
        assert orders[0] == orders[1]
    else:
        assert repr(found) == repr(value)
