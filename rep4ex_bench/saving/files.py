"""The two files of a fitted method, and that they belong together.

`fitted.json` holds the method, its parameters, all plain values, and the hash, shape and dtype of
everything in `tensors.safetensors`; its own hash too, so that no changed digit goes unseen.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import safetensors.torch
from pydantic import BaseModel, ConfigDict, ValidationError
from torch import Tensor

from rep4ex_bench.errors import FittedFileError, UsageError
from rep4ex_bench.expectations import problem_text
from rep4ex_bench.files import write_bytes
from rep4ex_bench.records import provenance
from rep4ex_bench.saving.arrays import dtype_name, is_finite
from rep4ex_bench.saving.encode import Encoder
from rep4ex_bench.saving.origin import method_of
from rep4ex_bench.saving.savable import Savable

FORMAT: Literal["rep4ex_bench fitted method"] = "rep4ex_bench fitted method"
FORMAT_VERSION: Literal[1] = 1
JSON_FILE, TENSOR_FILE = "fitted.json", "tensors.safetensors"
_AGAIN = "save what was fitted again"


class StoredTensor(BaseModel):
    """What `fitted.json` says of a tensor."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    dtype: str
    shape: list[int]

    @classmethod
    def of(cls, tensor: Tensor) -> StoredTensor:
        """Return what is to be said of a tensor."""
        return cls(dtype=dtype_name(tensor), shape=list(tensor.shape))


class Contents(BaseModel):
    """What `fitted.json` holds, its own hash aside.

    Attributes:
        method: registered name of the method.
        method_version: of its numbers.
        parameters: of the method, as in a suite.
        versions: of Python and of the packages at work when it was saved; nothing depends on them.
        tensors: by name.
        tensors_sha256: of the other file.
        fitted: the object (`encode.py`).
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    format: Literal["rep4ex_bench fitted method"]
    format_version: Literal[1]
    method: str
    method_version: int
    parameters: dict[str, Any]
    versions: dict[str, str]
    tensors: dict[str, StoredTensor]
    tensors_sha256: str
    fitted: dict[str, Any]


@dataclass(frozen=True)
class FittedFiles:
    """Contents of a folder that belong together."""

    contents: Contents
    tensors: Mapping[str, Tensor]


def write_fitted(fitted: Savable, folder: Path) -> None:
    """Write the two files, each whole or not at all; the JSON, without which none reads, last.

    Raises:
        UsageError: something in it cannot be saved.
        OutputWriteError: the disk is full, or the folder cannot be written.
    """
    encoder = Encoder()
    # first, because it says of most what cannot be saved at all
    encoded = encoder.encode(fitted)
    method = method_of(fitted)
    if method is None or not method.name:
        raise UsageError(
            f"a {type(fitted).__qualname__} cannot be saved, since it came from no method with a "
            "name: save what `fit` of a registered method returned"
        )
    tensors = safetensors.torch.save(encoder.tensors)
    contents = Contents(
        format=FORMAT,
        format_version=FORMAT_VERSION,
        method=method.name,
        method_version=method.version,
        parameters=method.plain_parameters(),
        versions=json.loads(provenance.versions()),
        tensors={name: StoredTensor.of(one) for name, one in encoder.tensors.items()},
        tensors_sha256=hashlib.sha256(tensors).hexdigest(),
        fitted=encoded,
    ).model_dump()
    text = json.dumps({**contents, "sha256": _digest(contents)}, indent=1, sort_keys=True)
    write_bytes(tensors, folder / TENSOR_FILE)
    write_bytes(f"{text}\n".encode(), folder / JSON_FILE)


def read_fitted(folder: Path) -> FittedFiles:
    """Read the two files, and check that nothing was changed since they were written.

    Raises:
        FittedFileError: a file is missing, cut, changed or of another format.
    """
    contents = _contents(_bytes(folder, JSON_FILE))
    raw = _bytes(folder, TENSOR_FILE)
    if hashlib.sha256(raw).hexdigest() != contents.tensors_sha256:
        raise FittedFileError(
            f"{folder / TENSOR_FILE} is not the file that {JSON_FILE} was written with (expected "
            f"SHA-256 {contents.tensors_sha256:.80}): it was cut or changed; copy both files "
            f"again, or {_AGAIN}"
        )
    try:
        tensors = safetensors.torch.load(raw)
    except Exception as error:  # a reader of the library's for every kind of mistake
        raise FittedFileError(
            f"{folder / TENSOR_FILE} is no safetensors file ({error}): {_AGAIN}"
        ) from error
    _check_tensors(contents.tensors, tensors)
    return FittedFiles(contents, tensors)


def _bytes(folder: Path, name: str) -> bytes:
    try:
        return (folder / name).read_bytes()
    except OSError as error:
        raise FittedFileError(
            f"no fitted method in {folder}: expected files {JSON_FILE} and {TENSOR_FILE}, but "
            f"{name} cannot be read ({error.strerror}); give the folder that `fitted.save(folder)` "
            "wrote"
        ) from error


def _contents(raw: bytes) -> Contents:
    try:
        found = json.loads(raw, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise FittedFileError(
            f"{JSON_FILE} is no JSON ({error}): it was cut or changed; copy it again, or {_AGAIN}"
        ) from error
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise FittedFileError(
            f"{JSON_FILE} is not of a fitted method: expected format {FORMAT!r}; give the folder "
            "that `fitted.save(folder)` wrote"
        )
    if found.get("format_version") != FORMAT_VERSION:
        raise FittedFileError(
            f"{JSON_FILE} has format version {found.get('format_version')!r:.80}, this version of "
            f"rep4ex_bench reads {FORMAT_VERSION}: install the version that wrote it, or {_AGAIN}"
        )
    digest = found.pop("sha256", None)
    if digest != _digest(found):
        raise FittedFileError(
            f"{JSON_FILE} was changed since it was written (its SHA-256 does not match): copy it "
            f"again, or {_AGAIN}"
        )
    try:
        return Contents.model_validate(found)
    except ValidationError as error:
        problems = "; ".join(problem_text(problem) for problem in error.errors()[:5])
        raise FittedFileError(
            f"{JSON_FILE} does not hold what it must: {problems}: {_AGAIN}"
        ) from error


def _digest(contents: Mapping[str, Any]) -> str:
    canonical = json.dumps(contents, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"numbers must be finite, got {name}")


def _check_tensors(said: Mapping[str, StoredTensor], found: Mapping[str, Tensor]) -> None:
    """Raise `FittedFileError` unless the tensors are those that the JSON speaks of, and finite."""
    for name in sorted(said.keys() | found.keys()):
        expected = said.get(name)
        got = StoredTensor.of(found[name]) if name in found else None
        if expected != got:
            raise FittedFileError(
                f"{TENSOR_FILE}, tensor {name!r:.200}: expected {_described(expected)}, got "
                f"{_described(got)}: {_AGAIN}"
            )
        if not is_finite(found[name]):
            raise FittedFileError(
                f"{TENSOR_FILE}, tensor {name!r:.200}: expected finite values, got some that are "
                f"not: {_AGAIN}"
            )


def _described(one: StoredTensor | None) -> str:
    return "none" if one is None else f"{one.dtype} of shape {tuple(one.shape)}"
