"""Fitted methods from files: `load_fitted` reads what `FittedMethod.save` wrote."""

from __future__ import annotations

from os import PathLike
from pathlib import Path

from rep4ex_bench.errors import FittedFileError, UsageError
from rep4ex_bench.method import FittedMethod, Method
from rep4ex_bench.parameters import build
from rep4ex_bench.registry import METHODS
from rep4ex_bench.saving.decode import Decoder
from rep4ex_bench.saving.files import Contents, read_fitted
from rep4ex_bench.saving.origin import set_method


def load_fitted(folder: str | PathLike[str]) -> FittedMethod:
    """Return the fitted method that `fitted.save(folder)` wrote; it computes on the CPU.

    On the machine that saved it, where it was fitted on the CPU, its answers have the same bits.
    Nothing in the files is run: they name a registered method and hold plain values and arrays.

    Args:
        folder: with `fitted.json` and `tensors.safetensors`.

    Raises:
        FittedFileError: files that are missing, cut, changed or of another version, or a method
            that is not installed here or has another version.
    """
    files = read_fitted(Path(folder))
    # its module, and those of its parts, define the classes that are looked up while decoding
    method = _method(files.contents)
    decoder = Decoder(files.tensors)
    fitted = decoder.decode(files.contents.fitted)
    decoder.finish()
    if not isinstance(fitted, FittedMethod):
        raise FittedFileError(
            f"fitted.json must hold a fitted method, got a {type(fitted).__qualname__}: save what "
            "`fit` returned"
        )
    set_method(fitted, method)
    return fitted


def _method(contents: Contents) -> Method:
    try:
        method = build(METHODS.get(contents.method), contents.parameters)
    except UsageError as error:
        raise FittedFileError(
            f"fitted.json is of the method {contents.method!r:.100}, which cannot be had here with "
            f"the parameters that it was fitted with: {error}. Install its package, or register "
            "it, before you load"
        ) from error
    except Exception as error:  # of parameters that no constructor expects
        raise FittedFileError(
            f"fitted.json is of the method {contents.method!r:.100}, which does not take the "
            f"parameters there ({error}): save what was fitted again"
        ) from error
    if method.version != contents.method_version:
        raise FittedFileError(
            f"fitted.json is of version {contents.method_version} of {contents.method!r}, here is "
            f"version {method.version}, which gives other numbers: install the package that it "
            "was fitted with (`versions` in the file), or fit again"
        )
    return method
